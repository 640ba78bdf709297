"""How every scope of every period of a year stands; a gate that nobody moved is pending."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from application.periods.places import PeriodPlace, YearPlace, period_called, scopes_called, year_of
from application.ports.store import Store, Transaction
from domain.people import Actor, Permission
from domain.periods import GateKey, PeriodGate, Posting, Scope, Status


@dataclass(frozen=True)
class PeriodState:
    """One gate for each scope of the tenant, by its code."""

    place: PeriodPlace
    gates: tuple[PeriodGate, ...]


@dataclass(frozen=True)
class YearState:
    place: YearPlace
    periods: tuple[PeriodState, ...]

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many periods of each scope stand how; what is open for adjustments only, or for nothing, apart."""
        found: dict[str, Counter[str]] = {}
        for period in self.periods:
            for gate in period.gates:
                found.setdefault(gate.key.scope, Counter(dict.fromkeys(_STANDINGS, 0)))[standing(gate)] += 1
        return found


def standing(gate: PeriodGate) -> str:
    """In one word."""
    return _OPEN[gate.posting] if gate.status is Status.OPEN else gate.status.value


_OPEN = {Posting.ALL: "open", Posting.ADJUST_ONLY: "soft-closed", Posting.NONE: "frozen"}
_STANDINGS = ("pending", "open", "soft-closed", "frozen", "closed", "locked")


class Looking:
    """Each raises PermissionMissing, Missing, BooksMissing or NoPeriod where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def year(self, actor: Actor, entity: str, code: str | None) -> YearState:
        """Unless said, the year of today on the clocks of the entity."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await year_state(tx, await year_of(tx, entity, code))

    async def period(self, actor: Actor, entity: str, code: str) -> PeriodState:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await period_state(tx, await period_called(tx, entity, code))

    async def history(
        self, actor: Actor, entity: str, code: str, scope: str, before_epoch: int, limit: int
    ) -> list[PeriodGate]:
        """Newest first: every state that the gate was in."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, entity, code)
            await scopes_called(tx, (scope,))
            return await tx.periods.history(place.key(scope), before_epoch, limit)


async def period_state(tx: Transaction, place: PeriodPlace) -> PeriodState:
    return PeriodState(place, await _gates(tx, place, await scopes_called(tx, ())))


async def year_state(tx: Transaction, place: YearPlace) -> YearState:
    scopes = await scopes_called(tx, ())
    known = {gate.key: gate for gate in await tx.periods.gates(place.entity.code, place.year.periods)}
    states = tuple(PeriodState(each, _of(each, scopes, known)) for each in place.periods)
    return YearState(place, states)


async def _gates(tx: Transaction, place: PeriodPlace, scopes: list[Scope]) -> tuple[PeriodGate, ...]:
    return _of(place, scopes, {gate.key: gate for gate in await tx.periods.gates(place.entity.code, [place.id])})


def _of(place: PeriodPlace, scopes: list[Scope], known: Mapping[GateKey, PeriodGate]) -> tuple[PeriodGate, ...]:
    keys = [place.key(scope.code) for scope in scopes]
    return tuple(known.get(key) or PeriodGate.pending(key) for key in keys)
