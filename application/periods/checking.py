"""What the guard would say is told from memory, and binds nobody: the guard decides when something is posted."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from application.periods.known import Known, KnownTables
from application.periods.tables import EntityTable, MadePeriod, Poster
from application.ports.store import Store
from domain.calendars import NaiveInstant, day_meant
from domain.errors import Fault, Invalid, Missing, Refusal
from domain.people import Actor, Permission
from domain.periods import (
    AdjustmentsOnly,
    BooksMissing,
    LateEntries,
    NotAdjustable,
    Operation,
    PeriodClosed,
    PeriodGate,
    PeriodLocked,
    check,
)

MOST_QUESTIONS = 1_000
_UTC = ZoneInfo("UTC")
_LATE = (PeriodClosed, PeriodLocked, AdjustmentsOnly, NotAdjustable)
_SWEPT = (Operation.TRANSACTION, Operation.ADJUSTMENT)


@dataclass(frozen=True)
class Question:
    """`on` is a date of the entity or an instant; `period` the number of an adjusting period of that day's year.

    `pointer` is where `on` stands in the request.
    """

    entity: str
    scope: str
    operation: Operation
    on: str
    period: int | None = None
    pointer: str = ""


@dataclass(frozen=True)
class Advice:
    """`day` is unknown for an instant of an entity without clocks. What is None beside it was not reached."""

    question: Question
    day: date | None
    period: MadePeriod | None = None
    gate: PeriodGate | None = None
    refusal: Refusal | None = None
    next_open: date | None = None
    late: LateEntries | None = None

    @property
    def allowed(self) -> bool:
        return self.refusal is None

    @property
    def post_on(self) -> date | None:
        """Where the books say that late entries are swept, the day to post it on instead; `day` stays the original."""
        return self.next_open if self.late is LateEntries.SWEEP else None


@dataclass(frozen=True)
class Advised:
    """In the order of the questions; `age` is for how many seconds a change may have gone unheard."""

    advices: tuple[Advice, ...]
    age: float


class PostingChecks:
    """Each raises PermissionMissing, and GateUnknown rather than guess."""

    def __init__(self, store: Store, tables: KnownTables, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._tables = tables
        self._clock = clock

    async def follow(self) -> None:
        """Runs as long as the process."""
        await self._tables.follow()

    async def ask(self, actor: Actor, questions: Sequence[Question], person: UUID | None = None) -> Advised:
        """For the actor, or for a person on whose behalf a program posts. Invalid leaves all unanswered."""
        actor.require(Permission.PERIODS_READ)
        poster = Poster.of(actor if person in {None, actor.id} else await self._other(actor, person))
        known = await self._known(actor.tenant, {each.entity for each in questions})
        tables = {entity: each.table for entity, each in known.items()}
        days, now = _days(questions, tables), self._clock()
        advices = tuple(
            _advice(question, tables[question.entity], day, poster, now)
            for question, day in zip(questions, days, strict=True)
        )
        return Advised(advices, max(map(self._tables.age, known.values()), default=0.0))

    async def _known(self, tenant: UUID, entities: set[str]) -> Mapping[str, Known]:
        held = {entity: self._tables.at_hand(tenant, entity) for entity in entities}
        absent = [entity for entity, known in held.items() if known is None]
        read = await asyncio.gather(*(self._tables.get(tenant, entity) for entity in absent)) if absent else []
        known = {entity: known for entity, known in held.items() if known is not None}
        return known | dict(zip(absent, read, strict=True))

    async def _other(self, actor: Actor, person: UUID | None) -> Actor:
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            found = None if person is None else await tx.people.actor(person)
        if found is None:
            raise Missing(kind_of_thing="person", id=str(person))
        return found


def _days(questions: Iterable[Question], tables: Mapping[str, EntityTable | None]) -> list[date | None]:
    """The local date of each; Invalid with the faults of all of them."""
    days: list[date | None] = []
    faults: list[Fault] = []
    kinds: set[type[Invalid]] = set()
    for each in questions:
        table = tables[each.entity]
        try:
            day = day_meant(each.on, _UTC if table is None else table.zone, each.pointer)
        except Invalid as refusal:
            faults += refusal.faults
            kinds.add(type(refusal))
        else:
            days.append(day if table is not None or day.isoformat() == each.on else None)
    if faults:
        raise (NaiveInstant if kinds == {NaiveInstant} else Invalid)(faults)
    return days


def _advice(question: Question, table: EntityTable | None, day: date | None, poster: Poster, now: datetime) -> Advice:
    """In the order in which the guard refuses: the books, the scope, the period, what its gate allows."""
    if table is None or day is None:
        return Advice(question, day, refusal=BooksMissing(entity=question.entity))
    period, gate = None, None
    try:
        table.require(question.scope)
        period = table.period(day, question.period)
        gate = table.gate(period, question.scope)
        check(
            gate,
            period.called,
            question.operation,
            may_adjust=poster.may_adjust,
            excepted=table.excepted(gate, question.operation, poster, now),
            run_token=False,
            shut=table.shut(gate, now),
        )
    except Refusal as refusal:
        next_open = table.next_open(day, question.scope, question.operation, poster, now)
        late = table.books.late_entries if isinstance(refusal, _LATE) and question.operation in _SWEPT else None
        return Advice(question, day, period, gate, refusal, next_open, late)
    return Advice(question, day, period, gate)
