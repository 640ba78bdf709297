"""What an import would write is worked out and checked on a picture, and every fault is told at its line."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

from application.ports.store import Transaction
from application.settings.carrying import plan_for
from application.settings.checks import check_policies, check_rules, check_wishes
from application.settings.driving import check_driven
from application.settings.inheriting import looked_beyond
from application.settings.plan import Pen, Plan
from application.settings.wishes import MOST_ITEMS, Order, Wish
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid
from domain.settings import (
    Bundle,
    Contents,
    Difference,
    Entry,
    EntryState,
    Line,
    Op,
    Rule,
    Scope,
    keys_beside,
    parse_rules,
    replaced,
    travels,
)

BUNDLE = "/bundle"
ITEMS, VALUES = "/items", f"{BUNDLE}/values"
Place = tuple[str, str]


class NotOneChange(Conflict):
    """Policy asks for approval here, and a change writes one value at a place where nothing is planned."""

    kind = "not-one-change"


@dataclass(frozen=True)
class Arrival:
    """A bundle beside what is stored at `at`."""

    bundle: Bundle
    wanted: Contents
    stored: Contents
    difference: Difference
    environment: Environment
    reason: str
    at: datetime

    @property
    def steps(self) -> list[tuple[Place, tuple[Line, ...]]]:
        """Each place that must change, with what it is to say: nothing where the bundle does not have it."""
        places = self.difference.having(Op.ADDED, Op.CHANGED, Op.REMOVED)
        return [(place, self.wanted.timelines.get(place, ())) for place in places]

    @property
    def pointers(self) -> dict[tuple[Place, datetime | None], str]:
        """Where the bundle says what holds at a place from an instant on."""
        seen = ((number, line.seen_at(self.at)) for number, line in enumerate(self.bundle.lines))
        return {(line.place, line.since): f"{VALUES}/{number}" for number, line in seen if line is not None}


@contextmanager
def told_at(places: Sequence[str], otherwise: str = "") -> Iterator[None]:
    """Faults of items are told at these places instead, all others below `otherwise`."""
    try:
        yield
    except Invalid as refusal:
        refusal.faults = tuple(_moved(fault, places, otherwise) for fault in refusal.faults)
        raise


def _moved(fault: Fault, places: Sequence[str], otherwise: str) -> Fault:
    if fault.path == ITEMS:
        return replace(fault, path=VALUES)
    number, slash, rest = fault.path.removeprefix(f"{ITEMS}/").partition("/")
    if fault.path.startswith(f"{ITEMS}/") and places:
        return replace(fault, path=places[int(number)] + slash + rest)
    return replace(fault, path=otherwise + fault.path)


def check_arrival(arrival: Arrival) -> None:
    """Every line is about a setting that is defined and no secret."""
    definitions = {**arrival.wanted.definitions, **arrival.stored.definitions}
    faults = []
    for number, line in enumerate(arrival.bundle.lines):
        if line.key not in definitions:
            faults.append(Fault(f"{VALUES}/{number}/key", "no setting with this key is defined, here or in the bundle"))
        elif not travels(definitions[line.key]):
            faults.append(Fault(f"{VALUES}/{number}/key", "expected none of a secret: it does not travel in a bundle"))
    if faults:
        raise Invalid(faults)


async def planned_arrival(tx: Transaction, pen: Pen, arrival: Arrival) -> Plan:
    """Each place that differs says what the bundle says, whatever was planned there."""
    rules = parse_rules((await tx.settings.rulebook()).rules)
    steps = [_wishes(place, lines) for place, lines in arrival.steps]
    wishes = tuple(wish for step in steps for wish in step)
    beside = keys_beside(rules, {wish.key for wish in wishes})
    plan = await plan_for(tx, arrival.environment, wishes, beside, arrival.at)
    plan = await asyncio.to_thread(_worked_out, plan, pen, arrival, steps, rules)  # a large one takes a while
    pointers = arrival.pointers
    with told_at([_pointer(step[0], pointers) for step in steps]):
        await looked_beyond(tx, plan)
    await check_driven(tx, plan)
    return plan


def _worked_out(plan: Plan, pen: Pen, arrival: Arrival, steps: Sequence[Sequence[Wish]], rules: Sequence[Rule]) -> Plan:
    pointers = arrival.pointers
    new = {key: arrival.wanted.definitions[key] for key in arrival.difference.missing}
    for house in (plan.house, plan.before):
        house.definitions = {**house.definitions, **new}
    _check_each(steps, arrival, pointers, plan)
    written: list[tuple[Wish, Entry]] = []
    for step in steps:
        entries = [_next(plan.entry(pen, wish, arrival.reason), number) for number, wish in enumerate(step)]
        plan.take(pen, step[0], replaced(plan.house.held(step[0].key, step[0].scope), entries, arrival.at))
        written += zip(step, entries, strict=True)
    with told_at([_pointer(wish, pointers) for wish, _ in written]):
        check_policies([(place, wish, entry) for place, (wish, entry) in enumerate(written)], plan)
    with told_at([_pointer(step[0], pointers) for step in steps]):
        check_rules(rules, plan)
    return plan


async def order_of_arrival(tx: Transaction, arrival: Arrival) -> tuple[list[str], Order]:
    """As one order over the versions that are there, with the place of each wish in the bundle; or NotOneChange."""
    odd = [place for place, lines in arrival.steps if not _is_one(lines, arrival.stored.timelines.get(place, ()))]
    if odd:
        raise NotOneChange(places=[{"key": key, "scope": scope} for key, scope in odd])
    wishes = [_wishes(place, lines)[0] for place, lines in arrival.steps]
    latest = await tx.settings.latest(
        arrival.environment, {wish.key for wish in wishes}, {wish.scope.text for wish in wishes}
    )
    over = tuple(replace(wish, expected=latest.get((wish.key, wish.scope.text), 0)) for wish in wishes)
    pointers = arrival.pointers
    return [_pointer(wish, pointers) for wish in wishes], Order(arrival.environment, over, arrival.reason)


def _is_one(lines: Sequence[Line], stored: Sequence[Line]) -> bool:
    """Whether one write makes the place say this and nothing else."""
    if any(line.since is not None for line in stored) or len(lines) > 1:
        return False
    return not stored or all(line.since is None and line.until is None for line in lines)


def _wishes(place: Place, lines: Sequence[Line]) -> list[Wish]:
    return [
        Wish(
            line.key, line.scope, line.state, line.value, line.enforced,
            line.constraint.to_json() if line.constraint else None, None, line.since, line.until,
        )
        for line in lines
    ] or [Wish(place[0], Scope(place[1]), EntryState.UNSET)]  # fmt: skip


def _check_each(
    steps: Sequence[Sequence[Wish]], arrival: Arrival, pointers: dict[tuple[Place, datetime | None], str], plan: Plan
) -> None:
    """Every fault of every line: first what each place says first, then what it says next."""
    faults: list[Fault] = []
    for wave in zip_longest(*steps):
        every = [wish for wish in wave if wish is not None]
        for wishes in (every[start : start + MOST_ITEMS] for start in range(0, len(every), MOST_ITEMS)):
            try:
                with told_at([_pointer(wish, pointers) for wish in wishes]):
                    check_wishes(wishes, arrival.reason, plan)
            except Invalid as refusal:
                faults += refusal.faults
    if faults:
        raise Invalid(dict.fromkeys(faults))


def _next(entry: Entry, number: int) -> Entry:
    return replace(entry, version=entry.version + number)


def _pointer(wish: Wish, pointers: dict[tuple[Place, datetime | None], str]) -> str:
    return pointers.get(((wish.key, wish.scope.text), wish.since), VALUES)
