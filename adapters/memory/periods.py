"""Gates, exceptions and the guard in memory, where one transaction runs at a time."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from adapters.memory.reopenings import spend, used_up
from adapters.memory.rows import Rows, Tick
from application.ports.periods import ExceptionUse, Postable, PostingAsked
from domain.calendars import NoPeriod, PeriodKind, period_on
from domain.closures.states import FROZEN
from domain.people import Permission, Role, permissions_of
from domain.periods import (
    BooksMissing,
    GateKey,
    GateNotHeld,
    Operation,
    PeriodGate,
    PeriodName,
    PostingException,
    ScopeMissing,
    StaleEpoch,
    check,
    exception_counts,
    refusal,
)


class MemoryPeriods:
    def __init__(self, rows: Rows, now: datetime, tick: Tick) -> None:
        self._rows, self._now, self._tick = rows, now, tick
        self._held: set[GateKey] = set()

    async def gates(self, entity: str, periods: Collection[UUID]) -> list[PeriodGate]:
        return [
            self._rows.gates[key]
            for key in sorted(self._rows.gates)
            if key.entity == entity and key.period in set(periods)
        ]

    async def hold(self, keys: Collection[GateKey]) -> dict[GateKey, PeriodGate]:
        self._held |= set(keys)
        return {key: self._at(key) for key in sorted(set(keys))}

    async def move(self, gates: Sequence[PeriodGate]) -> None:
        for gate in gates:
            if gate.key not in self._held:
                raise GateNotHeld(str(GateNotHeld.__doc__))
            if gate.epoch != self._at(gate.key).epoch + 1:
                raise StaleEpoch(epoch=self._at(gate.key).epoch, expected=gate.epoch - 1)
            self._rows.gates[gate.key] = gate
            self._rows.gate_history.append(gate)

    async def history(self, key: GateKey, before_epoch: int, limit: int) -> list[PeriodGate]:
        every = [gate for gate in self._rows.gate_history if gate.key == key and gate.epoch < before_epoch]
        return sorted(every, key=lambda gate: gate.epoch, reverse=True)[:limit]

    async def grant(self, exception: PostingException) -> None:
        self._rows.posting_exceptions[exception.id] = exception

    async def exception(self, exception: UUID, *, lock: bool = False) -> PostingException | None:
        del lock
        return self._rows.posting_exceptions.get(exception)

    async def exceptions(
        self, entity: str, period: UUID | None, after: UUID | None, limit: int
    ) -> list[PostingException]:
        of_entity = [each for each in self._granted() if each.key.entity == entity]
        found = [each for each in of_entity if period in (None, each.key.period) and (after is None or each.id > after)]
        return found[:limit]

    async def live(self, entity: str) -> list[PostingException]:
        every = [each for each in self._granted() if each.key.entity == entity]
        return [each for each in every if each.revoked_at is None and each.ends > self._now]

    async def revoke(self, exception: PostingException) -> None:
        kept = self._rows.posting_exceptions[exception.id]
        revoked = replace(kept, revoked_at=exception.revoked_at, revoked_by=exception.revoked_by)
        self._rows.posting_exceptions[exception.id] = revoked

    async def uses(self, key: GateKey) -> list[ExceptionUse]:
        granted = self._rows.posting_exceptions
        return [use for use in self._rows.exception_uses if granted[use.exception].key == key]

    async def assert_postable(self, asked: PostingAsked) -> Postable:
        id_, name = self._place(asked)
        gate = self._at(GateKey(asked.entity, id_, asked.scope))
        person = self._rows.principals.get(asked.actor)
        roles = person.roles if person else frozenset[Role]()
        may_adjust = Permission.PERIODS_ADJUST in permissions_of(roles)
        run_token = asked.run_token is not None and gate.key in self._rows.run_tokens.get(asked.run_token, ())
        window = self._rows.reopened_gates.get(gate.key)
        shut = window is not None and (window[1] <= self._now or used_up(self._rows, window[0]))
        refused = refusal(gate, asked.operation, may_adjust=may_adjust, run_token=run_token, shut=shut)
        excepted = refused is not None and self._use(gate, asked.operation, asked.actor, roles)
        check(gate, name, asked.operation, may_adjust=may_adjust, excepted=excepted, run_token=run_token, shut=shut)
        if window is not None and refused is None and exception_counts(gate, asked.operation):
            spend(self._rows, window[0])
        if exception_counts(gate, asked.operation):
            self._tell_close(gate.key)
        return Postable(id_, gate.epoch)

    async def put_token(self, run: UUID, keys: Collection[GateKey]) -> UUID:
        del run
        if not set(keys) <= self._held:
            raise GateNotHeld(str(GateNotHeld.__doc__))
        token = uuid4()
        self._rows.run_tokens[token] = frozenset(keys)
        return token

    async def drop_token(self, token: UUID) -> None:
        del self._rows.run_tokens[token]

    def _tell_close(self, key: GateKey) -> None:
        """One that is past its freeze, and has not closed the gates."""
        for run in self._rows.closures.values():
            if (run.entity, run.period) == (key.entity, key.period) and run.state in FROZEN:
                self._rows.moved_books.add(run.id)

    def _at(self, key: GateKey) -> PeriodGate:
        return self._rows.gates.get(key) or PeriodGate.pending(key)

    def _granted(self) -> list[PostingException]:
        return sorted(self._rows.posting_exceptions.values(), key=lambda each: each.id)

    def _place(self, asked: PostingAsked) -> tuple[UUID, PeriodName]:
        books = self._rows.books.get(asked.entity)
        if books is None:
            raise BooksMissing(entity=asked.entity)
        if asked.scope not in self._rows.scopes:
            raise ScopeMissing(scope=asked.scope)
        years = [each for each in self._rows.fiscal_years.values() if each.calendar == books.calendar]
        year, period = period_on([each.year for each in years], asked.day)
        if asked.period is not None:
            adjusting = (each for each in year.periods if each.kind is PeriodKind.ADJUSTING)
            found = next((each for each in adjusting if each.number == asked.period), None)
            if found is None:
                raise NoPeriod(date=asked.day.isoformat(), number=asked.period)
            period = found
        stored = next(each for each in years if each.year is year)
        id_ = stored.periods[year.periods.index(period)]
        return id_, PeriodName(year.code, period.number, period.name)

    def _use(self, gate: PeriodGate, operation: Operation, person: UUID, roles: Collection[Role]) -> bool:
        """Whether an exception lets it in; the most generous one is used."""
        at = self._tick()
        granted = [each for each in self._granted() if each.key == gate.key and exception_counts(gate, operation)]
        held = [each for each in granted if each.holds(operation, person, roles, at)]
        for each in sorted(held, key=lambda each: (each.most_entries is not None, -each.ends.timestamp())):
            self._rows.posting_exceptions[each.id] = replace(each, used=each.used + 1)
            self._rows.exception_uses.append(ExceptionUse(each.id, at, person, operation, gate.epoch))
            return True
        return False
