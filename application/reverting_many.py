"""What takes a change of many targets back, target by target, and where it was for tenants, tenant by tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from application.drafts.wanted import Wanted
from application.parts.as_before import definition_before, still_there
from application.ports.store import Transaction
from application.reversals import present_version, whole
from application.settings.undoing import Undone, undone
from application.taking_back import NotRevertable, check_window
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Reversal, Target
from domain.errors import Missing
from domain.rollouts import Rollout
from domain.rollouts.parts import Part
from domain.settings import EntryState, Sealed


@dataclass(frozen=True)
class Several:
    """What would be said of each target, and what is to be proposed; `tenants` are those that it is for."""

    reversals: tuple[Reversal, ...]
    wanted: tuple[Wanted, ...]
    tenants: Json | None = None


async def several_back(tx: Transaction, rollout: Rollout, change: ChangeSet) -> Several:
    """Raises RevertWindowOver, or NotRevertable for a secret."""
    if change.content.tenants is not None:
        await check_window(tx, rollout)
        return await _elsewhere(tx, change)
    live = {(each.kind, each.key): each.live_version for each in await tx.parts.of(change.id)}
    found: list[tuple[Reversal, Wanted]] = []
    values = {_place(each): each for each in await _undone(tx, change)}
    for target in change.content.targets:
        if target.kind is Kind.SETTING:
            place = values.get((target.content["key"], target.content["scope"]))
            if place is not None:
                found.append((place.reversal, _value(place)))
            continue
        alone, wrote = change.about([target]), live[target.kind, target.key]
        present = await present_version(tx, alone)
        await check_window(tx, rollout, present - wrote)
        back = await whole(tx, alone, present, touched=present != wrote)
        found.append((back, Wanted(Kind.FLAG, target.key, back.result, present, "")))
    await check_window(tx, rollout)
    moving = [wanted for reversal, wanted in found if reversal.moves]
    return Several(tuple(reversal for reversal, _ in found), _numbered(moving))


async def _elsewhere(tx: Transaction, change: ChangeSet) -> Several:
    """Each tenant gets what it had; who has written since is told and left alone.

    What is proposed names the targets with what the first of them had.
    """
    reversals: list[Reversal] = []
    slugs: list[str] = []
    wanted: Sequence[Wanted] = ()
    parts = sorted((each for each in await tx.parts.of(change.id) if each.written), key=lambda each: each.ordinal)
    for tenant, group in groupby(parts, key=lambda each: each.tenant):
        mine = list(group)
        async with tx.within(tenant) as inside:
            found = await _of_tenant(inside, change, mine)
        named = [reversal for reversal, _ in found]
        reversals += named
        if found and not any(each.touched for each in named) and any(each.moves for each in named):
            slugs.append(mine[0].slug)
            wanted = wanted or [each for _, each in found]
    choice = {"slugs": slugs, "as_before": str(change.id)} if slugs else None
    return Several(tuple(reversals), _numbered(wanted), choice)


async def _of_tenant(tx: Transaction, change: ChangeSet, parts: Sequence[Part]) -> list[tuple[Reversal, Wanted]]:
    slug, targets = parts[0].slug, {each.place: each for each in change.content.targets}
    found = [await _flag(tx, targets[part.kind, part.key], part) for part in parts if part.kind is Kind.FLAG]
    for each in await _undone(tx, change):
        said = each.reversal
        touched = said.touched and said.now != said.written
        told = Reversal(f"{slug}: {each.key}", said.before, said.written, said.now, touched, said.veiled)
        found.append((told, _value(each, based=False)))
    return found


async def _flag(tx: Transaction, target: Target, part: Part) -> tuple[Reversal, Wanted]:
    present = await tx.flags.get(part.environment, part.key)
    if present is None:
        raise Missing(kind_of_thing="flag", key=part.key)
    before, touched = await definition_before(tx, part), not await still_there(tx, part, present.version)
    reversal = Reversal(f"{part.slug}: {part.key}", before, target.content, present.definition, touched)
    return reversal, Wanted(Kind.FLAG, part.key, before, None, "")


async def _undone(tx: Transaction, change: ChangeSet) -> list[Undone]:
    values = [each for each in change.content.targets if each.kind is Kind.SETTING]
    return await undone(tx, change.about(values)) if values else []


def _value(each: Undone, *, based: bool = True) -> Wanted:
    """What makes the place say what it said."""
    said = each.reversal.result
    if any(entry is not None and Sealed.of(entry.value) is not None for entry in (each.before, each.now)):
        raise NotRevertable(key=each.key)
    state = EntryState.SET if "value" in said else EntryState.UNSET
    content = {"key": each.key, "scope": each.scope.text, "state": state.value}
    if state is EntryState.SET:
        content |= {name: said[name] for name in ("value", "enforced", "constraint") if said.get(name) is not None}
        if each.before is not None and each.before.meant_until is not None:
            content["until"] = each.before.meant_until.isoformat()
    return Wanted(Kind.SETTING, each.key, content, each.version if based else None, "")


def _numbered(wanted: Sequence[Wanted]) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(each.kind, each.key, each.content, each.base_version, f"/targets/{place}")
        for place, each in enumerate(wanted)
    )


def _place(each: Undone) -> tuple[str, str]:
    return each.key, each.scope.text
