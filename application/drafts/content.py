"""Targets are checked by their kinds: each flag by itself, all values together, because rules look at all of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from application.definitions import linking_faults, parsed
from application.drafts.wanted import Wanted, under
from application.going_before import left_by
from application.ports.store import Transaction
from application.settings.carrying import planned
from application.settings.plan import Pen
from application.settings.targets import target_of
from application.settings.wishes import Order, Wish
from domain.canonical import Json
from domain.changes import BaseVersionConflict, Kind, NothingChanges, Target, TenantChoice, difference
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags import BUCKETING, WHOLE, check_key
from domain.flags.authoring import plain
from domain.flags.whole import at_first
from domain.people import Actor
from domain.rollouts import NotRollable, Plan, check_exposure, exposed
from domain.settings import EntryState, Scope

_ITEM = re.compile(r"/items/(\d+)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Checked:
    """A target that can be written, and the old and new default variant of a flag that has both."""

    target: Target
    arms: tuple[str, str] | None = None


@dataclass
class Draft:
    """What is known of the targets so far; `refusals` are of one kind each until they are told together.

    `left` is what the change before this one leaves.
    """

    tx: Transaction
    environment: Environment
    plan: Plan
    elsewhere: bool
    alone: bool
    refusals: list[Invalid]
    moved: list[tuple[str, int, int]]
    left: Mapping[tuple[Kind, str], Json]

    def refuse(self, pointer: str, refusal: Invalid) -> None:
        self.refusals.append(type(refusal)(under(pointer, refusal), **refusal.facts))

    def check(self) -> None:
        """All that is wrong at once; a single refusal as what it is."""
        if len(self.refusals) == 1:
            raise self.refusals[0]
        if self.refusals:
            raise Invalid([fault for refusal in self.refusals for fault in refusal.faults])
        if self.moved:
            _, present, base = self.moved[0]
            if self.alone:
                raise BaseVersionConflict(present_version=present, base_version=base)
            raise BaseVersionConflict(moved=[key for key, _, _ in self.moved])


async def checked_targets(  # noqa: PLR0913, PLR0917 -- a proposal, part by part
    tx: Transaction,
    actor: Actor,
    environment: Environment,
    wanted: Sequence[Wanted],
    reason: str,
    plan: Plan,
    choice: TenantChoice | None,
) -> list[Checked]:
    """In order; Invalid with every fault of every target, then BaseVersionConflict."""
    left = await left_by(tx, plan.after)
    draft = Draft(tx, environment, plan, choice is not None, not wanted[0].pointer, [], [], left)
    found: dict[tuple[Kind, str], Checked] = {}
    for each in wanted:
        if each.kind is Kind.FLAG and (checked := await _flag(draft, each)):
            found[each.place] = checked
    if not draft.elsewhere:  # what another tenant's flags need is looked at where they are written
        await _check_linked(draft, wanted, found)
    values = [each for each in wanted if each.kind is Kind.SETTING]
    if values:
        found |= await _values(draft, actor, values, reason)
    draft.check()
    return [found[each.place] for each in wanted]


async def _flag(draft: Draft, wanted: Wanted) -> Checked | None:
    tx, environment = draft.tx, draft.environment
    try:
        if wanted.key not in WHOLE:
            check_key(wanted.key)
    except Invalid as refusal:
        draft.refuse(f"{wanted.pointer}/key", refusal)
        return None
    try:
        definition = await parsed(tx, environment, wanted.key, wanted.content)
    except Invalid as refusal:
        draft.refuse(wanted.body, refusal)
        return None
    if draft.elsewhere:
        return Checked(Target(environment, Kind.FLAG, wanted.key, 0, definition))
    present = await tx.flags.get(environment, wanted.key)
    version, base = (present.version, present.definition) if present else (0, at_first(wanted.key))
    if version != wanted.base_version:
        draft.moved.append((wanted.key, version, wanted.base_version or 0))
        return None
    base = draft.left.get(wanted.place, base)
    try:
        await _check_worth(draft, wanted.key, base, definition)
    except Invalid as refusal:
        draft.refuse(wanted.body, refusal)
        return None
    return Checked(Target(environment, Kind.FLAG, wanted.key, version, definition), _arms(base, definition))


async def _check_linked(draft: Draft, wanted: Sequence[Wanted], found: Mapping[tuple[Kind, str], Checked]) -> None:
    """All flags of the change as they would be together, over those that are there and what the one before leaves."""
    flags = {key: content for (kind, key), content in draft.left.items() if kind is Kind.FLAG}
    flags |= {key: checked.target.content for (_, key), checked in found.items()}
    faults = await linking_faults(draft.tx, draft.environment, flags)
    for each in wanted:
        if each.kind is Kind.FLAG and each.key in faults:
            draft.refuse(each.body, Invalid(faults[each.key]))


async def _check_worth(draft: Draft, key: str, base: Json | None, definition: Json) -> None:
    if base is not None and not difference(base, definition):
        raise NothingChanges([Fault("", "equals the present definition")])
    if not draft.plan.gated:
        return
    if key == BUCKETING:
        raise NotRollable([Fault("", "nobody is split while the splitting changes: direct")])
    check_exposure(base, definition)
    try:  # nobody looks again at what a stage writes
        await parsed(draft.tx, draft.environment, key, exposed(base, definition, 1, by_instance=True, named=True))
    except Invalid:
        raise NotRollable([Fault("", "with the split of a stage its rule would be too large or too deep")]) from None


def _arms(base: Json | None, definition: Json) -> tuple[str, str] | None:
    candidate, control = plain(definition).get("defaultVariant"), plain(base or {}).get("defaultVariant")
    return (candidate, control) if candidate and control and candidate != control else None


async def _values(
    draft: Draft, actor: Actor, wanted: Sequence[Wanted], reason: str
) -> dict[tuple[Kind, str], Checked]:  # fmt: skip
    """Elsewhere they are checked where they are written: what a key means is each tenant's own."""
    wishes = _wishes(draft, wanted)
    if len(wishes) < len(wanted):
        return {}
    latest: dict[tuple[str, str], int] = {}
    if not draft.elsewhere:
        latest = await _checked_wishes(draft, actor, wanted, wishes, reason)
    return {
        each.place: Checked(target_of(draft.environment, wish, latest))
        for each, wish in zip(wanted, wishes, strict=True)
    }


def _wishes(draft: Draft, wanted: Sequence[Wanted]) -> list[Wish]:
    wishes = []
    for each in wanted:
        content = each.content
        try:
            scope = Scope.parse(content["scope"])
        except Invalid as refusal:
            draft.refuse(each.pointer, refusal)
            continue
        if draft.elsewhere and scope.text:
            draft.refuse(each.pointer, Invalid([Fault("/scope", "what tenants receive is said of them as a whole")]))
            continue
        wishes.append(
            Wish(
                each.key, scope, EntryState(content["state"]), content.get("value"), content.get("enforced", False),
                content.get("constraint"), until=_moment(content.get("until")),
            )
        )  # fmt: skip
    return wishes


def _moment(given: str | None) -> datetime | None:
    return datetime.fromisoformat(given) if given else None


async def _checked_wishes(
    draft: Draft, actor: Actor, wanted: Sequence[Wanted], wishes: Sequence[Wish], reason: str
) -> dict[tuple[str, str], int]:
    at = await draft.tx.settings.lock(draft.environment)
    keys, scopes = {wish.key for wish in wishes}, {wish.scope.text for wish in wishes}
    latest = await draft.tx.settings.latest(draft.environment, keys, scopes)
    for each, wish in zip(wanted, wishes, strict=True):
        version = latest.get((wish.key, wish.scope.text), 0)
        if each.base_version not in (None, version):
            draft.moved.append((each.place[1], version, each.base_version or 0))
    known = await draft.tx.settings.definitions_of(keys)
    missing = [each for each in wanted if each.key not in known]
    for each in missing:
        draft.refuse(each.pointer, Invalid([Fault("/key", "no setting with this key is defined")]))
    if not missing:
        try:
            await planned(draft.tx, Pen.of(actor), Order(draft.environment, tuple(wishes), reason), at)
        except Invalid as refusal:
            draft.refusals.append(type(refusal)([_placed(wanted, each) for each in refusal.faults], **refusal.facts))
    return latest


def _placed(wanted: Sequence[Wanted], fault: Fault) -> Fault:
    """A fault of the order, where it stands in the request."""
    found = _ITEM.fullmatch(fault.path)
    return replace(fault, path=f"{wanted[int(found[1])].pointer}{found[2]}") if found else fault
