"""A series is asked for once; every close of it, and every earlier period that must come first, is named beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from application.closure_series.stand import missing
from application.closures.looking_back import before
from application.closures.starting import template_called
from application.periods.places import PeriodPlace, period_called, scopes_called
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.closures import Mode, PeriodStatus, run_up
from domain.closures.series import Member, Series, chain, check_members
from domain.errors import Fault, Invalid, Unavailable
from domain.people import Actor, Permission
from domain.periods import Status

log = structlog.get_logger()


@dataclass(frozen=True)
class CloseWish:
    """`gapless`: with every earlier period of the entity that is in its way, in their order."""

    entity: str
    period: str
    mode: Mode = Mode.HARD
    scopes: tuple[str, ...] | None = None
    template: str | None = None
    due_at: datetime | None = None
    after: tuple[str, ...] = ()
    gapless: bool = False


@dataclass(frozen=True)
class SeriesWish:
    """`id` makes asking twice the same as asking once."""

    id: UUID
    closes: tuple[CloseWish, ...]
    at_once: int
    reason: str


class Asking:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def ask(self, actor: Actor, wish: SeriesWish) -> Series:
        """Raises PermissionMissing, Missing, ScopeMissing, BooksMissing, Invalid.

        Whether a close may begin is asked when its turn comes.
        """
        actor.require(Permission.PERIODS_CLOSE)
        async with self._store.transaction(actor.tenant) as tx:
            series = await tx.closure_series.get(wish.id) or await _asked(tx, actor, wish)
        await carried_on(self._store, self._processes, series, actor.handle)
        return series


async def carried_on(store: Store, processes: Processes, series: Series, requester: str) -> None:
    """Its process looks, or begins where none is; one that goes on and cannot be reached is found by the sweeper."""
    try:
        await _carry_on(store, processes, series, requester)
    except Unavailable:
        log.warning("closure_series.delayed", series=str(series.id))


async def carry_on_waiting_series(store: Store, processes: Processes, tenant: UUID, series_id: UUID) -> None:
    """What was committed and never reached Temporal, has not heard that a close ended, or has lost its process."""
    async with store.transaction(tenant) as tx:
        series = await tx.closure_series.get(series_id)
        requester = await tx.people.actor(series.requester) if series else None
    if series is None:
        raise missing(series_id)
    await _carry_on(store, processes, series, requester.handle if requester else "")


async def _carry_on(store: Store, processes: Processes, series: Series, requester: str) -> None:
    await processes.carry_on_series(series, requester)
    async with store.transaction(series.tenant) as tx:
        await tx.closure_series.mark_started(series.id)


async def _asked(tx: Transaction, actor: Actor, wish: SeriesWish) -> Series:
    members = await members_of(tx, wish.closes)
    series = Series(wish.id, tx.tenant, actor.id, wish.reason, tx.now, members, wish.at_once, why="asked")
    await tx.closure_series.add(series)
    told = {
        "state": series.state.value,
        "at_once": series.at_once,
        "closes": {each.key: {"mode": each.mode.value, "after": list(each.after)} for each in members},
    }
    await record(tx, Action.CLOSURE_SERIES_MOVED, ("closure_series", series.id), actor=actor, reason=wish.reason,
                 after=told)  # fmt: skip
    return series


async def members_of(tx: Transaction, closes: Sequence[CloseWish]) -> tuple[Member, ...]:
    soft = [place for place, each in enumerate(closes) if each.gapless and each.mode is Mode.SOFT]
    if soft:
        raise Invalid([Fault(f"/closes/{place}/gapless", "not soft, which leaves periods open") for place in soft])
    found: list[Member] = []
    for close in closes:
        await template_called(tx, close.template)
        await scopes_called(tx, close.scopes or ())
        place = await period_called(tx, close.entity, close.period)
        named = replace(_member(close, place), due_at=close.due_at, after=close.after)
        found += chain([*await _ahead(tx, close, place), named])
    check_members(found)
    return tuple(found)


async def _ahead(tx: Transaction, close: CloseWish, place: PeriodPlace) -> list[Member]:
    """Where the year is to be closed, the periods before its last are closed as any other."""
    if not close.gapless:
        return []
    earlier = replace(close, mode=Mode.HARD)
    codes = [code for code in await _open_until(tx, close, place) if code != place.code]
    return [_member(earlier, await period_called(tx, close.entity, code)) for code in codes]


async def _open_until(tx: Transaction, close: CloseWish, place: PeriodPlace) -> list[str]:
    """The codes of the periods that are in the way of a scope that closes in order; of any, where none does."""
    scopes = await scopes_called(tx, close.scopes or ())
    sequential = [each for each in scopes if each.sequential]
    gates = {gate.key.scope: gate.status for gate in await tx.periods.gates(place.entity.code, [place.id])}
    found: set[str] = set()
    every: list[str] = []
    for scope in sequential or scopes:
        here = PeriodStatus(place.code, gates.get(scope.code, Status.PENDING))
        stands = [*await before(tx, place, scope.code), here]
        every += [each.period for each in stands if each.period not in every]
        found.update(run_up(stands))
    return [code for code in every if code in found]


def _member(close: CloseWish, place: PeriodPlace) -> Member:
    return Member(place.entity.code, place.id, place.code, close.mode, close.scopes, close.template)
