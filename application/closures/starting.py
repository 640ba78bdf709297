"""A close is asked for once: of one period of one entity one attempt goes on at a time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from application.closures.facts import controls_of, seen_of
from application.closures.looking_back import before, of_year
from application.closures.scoping import closing_scopes
from application.closures.steps import begin
from application.periods.places import PeriodPlace, period_called
from application.ports.calendars import LegalEntity
from application.ports.holidays import PublicHolidays
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from domain.calendars import BusinessDays, first_instant
from domain.closures import (
    ClosureRun,
    ClosureTask,
    Mode,
    RunState,
    TaskPlan,
    Template,
    carried,
    check_chronology,
    check_subledgers,
    check_year,
    order,
)
from domain.errors import Conflict, Fault, Invalid, Missing, Unavailable
from domain.people import Actor, Permission

_DAY = timedelta(days=1)
_YEARS = 3

log = structlog.get_logger()


class RunningClose(Conflict):
    """This period is being closed already."""

    kind = "period-closing"


@dataclass(frozen=True)
class StartWish:
    """`id` makes asking twice the same as asking once. `scopes` are all that are open, unless said."""

    id: UUID
    entity: str
    period: str
    mode: Mode
    scopes: tuple[str, ...] | None
    template: str | None
    due_at: datetime | None
    reason: str


class Starting:
    def __init__(self, store: Store, processes: Processes, holidays: PublicHolidays) -> None:
        self._store = store
        self._processes = processes
        self._holidays = holidays

    async def start(self, actor: Actor, wish: StartWish) -> ClosureRun:
        """Raises PermissionMissing, Missing, RunningClose, EarliestOpen, SubledgersOpen, YearOpen, or what is not open.

        The process is started after the commit; one that could not be is started by whoever finds it waiting.
        """
        async with self._store.transaction(actor.tenant) as tx:
            run = await self.begin(tx, actor, wish)
        await _started(self._store, self._processes, run, actor.handle)
        return run

    async def begin(self, tx: Transaction, actor: Actor, wish: StartWish) -> ClosureRun:
        """With whatever else `tx` does; whoever calls this starts the process."""
        actor.require(Permission.PERIODS_CLOSE)
        place = await period_called(tx, wish.entity, wish.period, lock=True)
        return await tx.closures.get(wish.id) or await self._begun(tx, actor, wish, place)

    async def _begun(self, tx: Transaction, actor: Actor, wish: StartWish, place: PeriodPlace) -> ClosureRun:
        last = await tx.closures.last(place.entity.code, place.id)
        if last is not None and not last.over:
            raise RunningClose(run=str(last.id), state=last.state.value, attempt=last.attempt)
        scopes = await closing_scopes(tx, place, wish.scopes)
        await _check_order(tx, place, scopes, wish.mode)
        template = await template_called(tx, wish.template)
        certified = await tx.closures.certificates(place.entity.code, place.id)
        run = ClosureRun(
            wish.id, tx.tenant, place.entity.code, place.id, place.code, scopes, wish.mode,
            last.attempt + 1 if last else 1, actor.id, RunState.INITIATED, tx.now,
            template=f"{template.code}/{template.version}" if template else None, due_at=wish.due_at,
            supersedes=certified[-1].run if certified else None,
        )  # fmt: skip
        await begin(tx, run, actor, wish.reason)
        if template is not None:
            tasks = [self._task(run, plan, place) for plan in order(template.tasks)]
            await tx.closures.put_tasks(await _with_evidence(tx, last, tasks, place, scopes))
        return run

    def _task(self, run: ClosureRun, plan: TaskPlan, place: PeriodPlace) -> ClosureTask:
        """Due at the end of a business day so many after the last day of the period, on the clocks of the entity."""
        ends, entity = place.period.ends, place.entity
        due = BusinessDays(self._rest(entity, ends.year)).after(ends, plan.due_offset_days)
        return ClosureTask(uuid4(), run.id, plan, due_at=first_instant(due + _DAY, entity.time_zone))

    def _rest(self, entity: LegalEntity, year: int) -> frozenset[date]:
        if entity.country is None:
            return frozenset()
        return self._holidays.of(entity.country, entity.subdivision, range(year, year + _YEARS))


async def start_waiting_closure(store: Store, processes: Processes, tenant: UUID, run_id: UUID) -> None:
    """Start what was committed and never reached Temporal."""
    async with store.transaction(tenant) as tx:
        run = await tx.closures.get(run_id)
        requester = await tx.people.actor(run.requester) if run else None
    if run is not None and not run.over:
        await _start(store, processes, run, requester.handle if requester else "")


async def _started(store: Store, processes: Processes, run: ClosureRun, requester: str) -> None:
    if run.over:
        return
    try:
        await _start(store, processes, run, requester)
    except Unavailable:
        log.warning("closure.start_delayed", closure=str(run.id))


async def _start(store: Store, processes: Processes, run: ClosureRun, requester: str) -> None:
    await processes.start_closure(run, requester)
    async with store.transaction(run.tenant) as tx:
        await tx.closures.mark_started(run.id)


async def _check_order(tx: Transaction, place: PeriodPlace, closing: tuple[str, ...], mode: Mode) -> None:
    scopes = {scope.code: scope for scope in await tx.books.scopes()}
    check_subledgers(scopes.values(), closing, await tx.periods.gates(place.entity.code, [place.id]), mode)
    for code in closing:
        check_chronology(scopes[code], await before(tx, place, code))
        if mode is Mode.YEAR_END:
            check_year(await of_year(tx, place, code), apart_from=place.code)
    if mode is Mode.YEAR_END and place.id != place.year.periods[-1]:
        raise Invalid([Fault("/period", "a year is closed with its last period")])


async def template_called(tx: Transaction, code: str | None) -> Template | None:
    if code is None:
        return None
    found = await tx.closure_papers.template(code)
    if found is None:
        raise Missing(kind_of_thing="closure template", code=code)
    return found.template


async def _with_evidence(
    tx: Transaction, last: ClosureRun | None, tasks: list[ClosureTask], place: PeriodPlace, scopes: tuple[str, ...]
) -> list[ClosureTask]:
    """What was attached to the last attempt serves again, while the books are what was signed for then."""
    if last is None:
        return tasks
    known = {each.plan.key: each for each in await tx.closures.tasks(last.id)}
    controls = await controls_of(tx, place, scopes, None)
    return [
        carried(known[task.plan.key], task, seen_of(task, controls).basis) if task.plan.key in known else task
        for task in tasks
    ]
