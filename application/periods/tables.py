"""Everything that decides what one entity may post, as it was at one moment: its periods in order, and their gates."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from domain.calendars import FiscalPeriod, NoPeriod, PeriodKind, time_zone
from domain.errors import Refusal
from domain.people import Actor, Permission, Role
from domain.periods import GateKey, Operation, PeriodGate, PeriodName, PostingException, ScopeMissing, check

_EVERY_YEAR = 3_000
Spot = tuple[UUID, str]
"""A period and a scope."""


@dataclass(frozen=True)
class Poster:
    """Who is about to post."""

    id: UUID
    roles: frozenset[Role]
    may_adjust: bool

    @classmethod
    def of(cls, actor: Actor) -> "Poster":
        return cls(actor.id, actor.roles, Permission.PERIODS_ADJUST in actor.permissions)


@dataclass(frozen=True)
class MadePeriod:
    id: UUID
    called: PeriodName
    kind: PeriodKind
    begins: date
    ends: date


@dataclass(frozen=True)
class EntityTable:
    """`standard` has the periods that days choose, in their order; `adjusting` those chosen by year and number.

    `windows` say from when on those in which closed gates were reopened let nothing in.
    """

    books: EntityBooks
    zone: ZoneInfo
    scopes: frozenset[str]
    standard: tuple[MadePeriod, ...]
    adjusting: Mapping[tuple[str, int], MadePeriod]
    gates: Mapping[Spot, PeriodGate]
    exceptions: Mapping[Spot, tuple[PostingException, ...]]
    windows: Mapping[Spot, datetime]
    begins: tuple[date, ...]
    _open: dict[tuple[str, Operation, bool], list[MadePeriod]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        return len(self.standard) + len(self.adjusting) + len(self.gates) + len(self.exceptions)

    def require(self, scope: str) -> None:
        if scope not in self.scopes:
            raise ScopeMissing(entity=self.books.entity, scope=scope)

    def period(self, day: date, number: int | None = None) -> MadePeriod:
        """The one that has this day, or the adjusting one of this number of the day's year; NoPeriod."""
        place = bisect_right(self.begins, day)
        before = self.standard[place - 1] if place else None
        if before is None or before.ends < day:
            after = self.standard[place] if place < len(self.standard) else None
            raise NoPeriod(date=day.isoformat(), before=_told(before), after=_told(after))
        if number is None:
            return before
        chosen = self.adjusting.get((before.called.year, number))
        if chosen is None:
            raise NoPeriod(date=day.isoformat(), number=number, before=_told(before), after=None)
        return chosen

    def gate(self, period: MadePeriod, scope: str) -> PeriodGate:
        key = GateKey(self.books.entity, period.id, scope)
        return self.gates.get((period.id, scope)) or PeriodGate.pending(key)

    def excepted(self, gate: PeriodGate, operation: Operation, poster: Poster, at: datetime) -> bool:
        granted = self.exceptions.get((gate.key.period, gate.key.scope), ())
        return any(each.holds(operation, poster.id, poster.roles, at) for each in granted)

    def shut(self, gate: PeriodGate, at: datetime) -> bool:
        """Whether the window in which it was reopened is over or used up, however it stands."""
        until = self.windows.get((gate.key.period, gate.key.scope))
        return until is not None and until <= at

    def next_open(self, day: date, scope: str, operation: Operation, poster: Poster, at: datetime) -> date | None:
        """The first day of the next period that lets this in by its gate; what is only excepted does not count.

        A window that is over at that moment is no longer one.
        """
        if scope not in self.scopes:
            return None
        asked = scope, operation, poster.may_adjust
        open_ = self._open.get(asked)
        if open_ is None:
            open_ = self._open[asked] = [each for each in self.standard if self._lets_in(each, *asked)]
        later = islice(open_, bisect_right(open_, day, key=_begins), None)
        return next((each.begins for each in later if not self.shut(self.gate(each, scope), at)), None)

    def _lets_in(self, period: MadePeriod, scope: str, operation: Operation, may_adjust: bool) -> bool:  # noqa: FBT001 -- as it was asked
        gate = self.gate(period, scope)
        try:
            check(gate, period.called, operation, may_adjust=may_adjust, excepted=False, run_token=False)
        except Refusal:
            return False
        return True


async def read_table(tx: Transaction, entity: str) -> EntityTable | None:
    """None for who is no entity of this tenant, or has no books."""
    books = await tx.books.get(entity)
    owner = await tx.entities.get(entity)
    if books is None or owner is None:
        return None
    years = await tx.calendars.years(books.calendar, date.min, _EVERY_YEAR)
    periods = [
        _made(id_, stored.year.code, period)
        for stored in years
        for id_, period in zip(stored.periods, stored.year.periods, strict=True)
    ]
    gates = await tx.periods.gates(entity, [each.id for each in periods])
    standard = sorted((each for each in periods if each.kind is PeriodKind.STANDARD), key=_begins)
    return EntityTable(
        books=books,
        zone=time_zone(owner.time_zone),
        scopes=frozenset(each.code for each in await tx.books.scopes()),
        standard=tuple(standard),
        adjusting={(e.called.year, e.called.number): e for e in periods if e.kind is PeriodKind.ADJUSTING},
        gates={(gate.key.period, gate.key.scope): gate for gate in gates},
        exceptions=await _exceptions(tx, entity),
        windows={(key.period, key.scope): until for key, until in (await tx.reopenings.windows(entity)).items()},
        begins=tuple(map(_begins, standard)),
    )


async def _exceptions(tx: Transaction, entity: str) -> dict[Spot, tuple[PostingException, ...]]:
    found: dict[Spot, list[PostingException]] = defaultdict(list)
    for each in await tx.periods.live(entity):
        found[each.key.period, each.key.scope].append(each)
    return {spot: tuple(granted) for spot, granted in found.items()}


def _made(id_: UUID, year: str, period: FiscalPeriod) -> MadePeriod:
    return MadePeriod(id_, PeriodName(year, period.number, period.name), period.kind, period.begins, period.ends)


def _begins(period: MadePeriod) -> date:
    return period.begins


def _told(period: MadePeriod | None) -> dict[str, Any] | None:
    if period is None:
        return None
    return {**period.called.to_json(), "begins": period.begins.isoformat(), "ends": period.ends.isoformat()}
