"""What one environment says is made to hold in the next: all that was chosen, as one order, or nothing."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from application.configs.choosing import Choice, chosen
from application.configs.naming import ROOT
from application.configs.repeating import written_again
from application.configs.shelf import Shelf, repeated, shelf_of
from application.ports.store import Store
from application.settings.arriving import told_at
from application.settings.outcome import Outcome
from application.settings.versions import entries_compared
from application.settings.wishes import Order, Wish
from application.settings.writing import SettingWrites
from domain.canonical import Json
from domain.changes import difference
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.people import Actor, Permission
from domain.pointers import escaped
from domain.settings import Entry, EntryState, Op, Sensitivity


@dataclass(frozen=True)
class Promotion:
    """`skip` lets it pass over environments; with `prune` keys that only the target sets are taken back."""

    source: Environment
    target: Environment
    choice: Choice
    reason: str
    dry_run: bool = False
    skip: bool = False
    prune: bool = False

    def check(self) -> None:
        """It goes towards production, one step at a time unless it says otherwise, with something chosen."""
        steps = self.target.rank - self.source.rank
        if steps < 1:
            raise Invalid([Fault("/to", "expected an environment that is nearer to production")])
        if steps > 1 and not self.skip:
            raise Invalid([Fault("/to", f"expected {list(Environment)[self.source.rank + 1]}, or skip")])
        if self.choice == Choice():
            raise Invalid([Fault("", "expected keys, a prefix or a tag")])


@dataclass(frozen=True)
class Differing:
    """One key: `op` is what happens to it in the target. Versions are 0 where nobody wrote."""

    key: str
    op: Op
    changes: list[Json]
    source_version: int
    target_version: int


@dataclass(frozen=True)
class Promoted:
    """`secrets` are keys that were meant and stay; `equal` counts those that say the same already."""

    differences: tuple[Differing, ...]
    secrets: tuple[str, ...]
    equal: int
    dry_run: bool
    done: Outcome | None = None

    @property
    def outcome(self) -> Literal["no_changes", "planned", "applied", "submitted"]:
        if self.done is None:
            return "no_changes"
        if self.done.submitted is not None:
            return "submitted"
        return "planned" if self.dry_run else "applied"


class Promotions:
    def __init__(self, store: Store, writes: SettingWrites) -> None:
        self._store = store
        self._writes = writes

    async def promote(self, actor: Actor, promotion: Promotion) -> Promoted:
        """The values are checked in the target as any write of them; raises what that raises.

        Stale where somebody wrote in the target meanwhile.
        """
        actor.require(Permission.SETTINGS_MANAGE)
        promotion.check()
        async with self._store.transaction(actor.tenant) as tx:
            again = await repeated(tx, actor)
            meant = await chosen(tx, promotion.choice)
            keys = {key for key, definition in meant.items() if definition["sensitivity"] != Sensitivity.SECRET.value}
            source = await shelf_of(tx, promotion.source, keys)
            target = await shelf_of(tx, promotion.target, keys)
        told = Promoted((), tuple(sorted(meant.keys() - keys)), len(keys), promotion.dry_run)
        if again:
            return await self._again(actor, promotion, source, told)
        differences = await asyncio.to_thread(tuple, _differing(source, target, prune=promotion.prune))
        told = replace(told, differences=differences, equal=len(keys) - len(differences))
        written = [each for each in differences if each.op is not Op.KEPT]
        if not written:
            return told
        wishes = tuple(_wish(each, source) for each in written)
        order = Order(promotion.target, wishes, promotion.reason, promotion.dry_run)
        with told_at([f"/differences/{escaped(each.key)}" for each in written]):
            return replace(told, done=await self._writes.write(actor, order))

    async def _again(self, actor: Actor, promotion: Promotion, source: Shelf, told: Promoted) -> Promoted:
        """What the same request did; what it kept is no longer known, and the source has the versions of today."""
        done = await self._writes.write(actor, Order(promotion.target, (), promotion.reason))
        async with self._store.transaction(actor.tenant) as tx:
            written = await written_again(tx, promotion.target, done)
        differences = tuple(
            Differing(each.key, _op(each.before, each.after), _changes(each.before, each.after),
                      source.latest.get(each.key, 0), each.after.version - 1)
            for each in written
        )  # fmt: skip
        return replace(told, differences=differences, equal=told.equal - len(differences), done=done)


def _differing(source: Shelf, target: Shelf, *, prune: bool) -> Iterator[Differing]:
    for key in source.keys:
        ours, theirs = source.entry(key), target.entry(key)
        if changes := _changes(theirs, ours):
            op = _op(theirs, ours)
            op = Op.KEPT if op is Op.REMOVED and not prune else op
            yield Differing(key, op, changes, source.latest.get(key, 0), target.latest.get(key, 0))


def _op(before: Entry | None, after: Entry | None) -> Op:
    if said(after) is None:
        return Op.REMOVED
    return Op.ADDED if said(before) is None else Op.CHANGED


def _changes(before: Entry | None, after: Entry | None) -> list[Json]:
    before, after = said(before), said(after)
    return entries_compared(before, after) + _expiry(before, after)


def said(entry: Entry | None) -> Entry | None:
    """None for what has taken its value back and constrains nothing."""
    silent = entry is None or (entry.state is EntryState.UNSET and entry.constraint is None)
    return None if silent else entry


def _expiry(theirs: Entry | None, ours: Entry | None) -> list[Json]:
    """When it ends is promoted with what it says."""
    ends = [{} if each is None or each.meant_until is None else {"until": each.meant_until.isoformat()}
            for each in (theirs, ours)]  # fmt: skip
    return difference(*ends)


def _wish(differing: Differing, source: Shelf) -> Wish:
    """All that the source says now, for as long as it is meant to; what it plans for later stays its own."""
    entry, over = said(source.entry(differing.key)), differing.target_version
    if entry is None:
        return Wish(differing.key, ROOT, EntryState.UNSET, expected=over)
    return Wish(
        differing.key, ROOT, entry.state, entry.value, entry.enforced,
        entry.constraint.to_json() if entry.constraint else None, over, until=entry.meant_until,
    )  # fmt: skip
