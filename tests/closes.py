"""The close of March 2025 of one entity with payables and a ledger, carried on step by step as its process would."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from adapters.holidays.listed import ListedHolidays
from adapters.memory.rows import ModuleRow
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Held, Place
from application.closures.cases import ClosureCases
from application.closures.prechecking import DryRun, DryWish
from application.closures.stand import ClosureAct, RunStep, Stand
from application.closures.starting import StartWish
from application.periods.places import PeriodPlace, period_called
from application.ports.periods import EntityBooks
from domain.approvals import Answer
from domain.canonical import Json
from domain.closures import Act, ClosureRun, Control, Mode, RunState, Total
from domain.errors import Unavailable
from domain.people import Actor, Role
from domain.periods import LateEntries, PeriodGate, Scope
from tests.world import World

ENTITY, MARCH = "de", "2025-03"
WHY = "because of the test"
AP, GL = Scope("AP", "Payables"), Scope("GL", "General ledger", ledger=True, sequential=True)


@dataclass
class Started:
    """Closes that a process was started for; `down` answers nobody."""

    runs: list[UUID] = field(default_factory=list)
    down: bool = False

    async def start_closure(self, run: ClosureRun, requester: str) -> None:
        del requester
        if self.down:
            raise Unavailable
        self.runs.append(run.id)


class Close:
    """`fin` asks for it, `own` does its tasks, `rev` reviews them; bob and cyd approve."""

    def __init__(self, world: World) -> None:
        self.world, self.started = world, Started()
        processes: Any = self.started
        self.cases = ClosureCases.over(world.store, processes, world.assertions, ListedHolidays())
        self.run_id = uuid4()
        self._steps = 0

    async def settle(self) -> "Close":
        """Books of 2025, of which January and February were closed and March is open."""
        world, calendars = self.world, CalendarCases.over(self.world.store, ListedHolidays())
        for handle in ("fin", "own", "rev"):
            person = await world.tenants.admit_principal(
                world.tenant, handle, frozenset({Role.FINANCE_CONTROLLER}), issuer="tests", email=f"{handle}@x.test"
            )
            world.people[handle] = person.actor
        root, books = world.root, Place("books")
        await calendars.entities.put(root, ENTITY, EntityWish("Acme GmbH", "Europe/Berlin"), expected=0, reason=WHY)
        wish = CalendarWish({"kind": "gregorian"})
        calendar = await calendars.configuring.put(root, books, wish, expected=0, reason=WHY)
        assert isinstance(calendar, Held)
        await calendars.making.make(root, books, 2025, YearWish(), WHY)
        async with self.transaction() as tx:
            await tx.books.put(EntityBooks(ENTITY, calendar.calendar.id, LateEntries.REJECT, None, 1))
            for scope in (AP, GL):
                await tx.books.put_scope(scope)
        await self.open("2025-01", "2025-02", MARCH)
        await self.gates("closed", "2025-01", "2025-02")
        return self

    def transaction(self) -> Any:
        return self.world.store.transaction(self.world.tenant.id)

    async def place(self, period: str = MARCH) -> PeriodPlace:
        async with self.transaction() as tx:
            return await period_called(tx, ENTITY, period)

    async def open(self, *periods: str) -> None:
        await self.gates("opened", *periods)

    async def gates(self, verb: str, *periods: str, scopes: tuple[str, ...] = ("AP", "GL")) -> None:
        """`verb` done to the gates of these periods by hand."""
        for period in periods:
            place = await self.place(period)
            async with self.transaction() as tx:
                held = await tx.periods.hold([place.key(scope) for scope in scopes])
                after = [getattr(gate, verb)(self.world.fin.id, tx.now, WHY) for _, gate in sorted(held.items())]
                await tx.periods.move(after)

    async def stands(self, period: str = MARCH) -> dict[str, str]:
        """By scope, `status/posting@epoch`."""
        place = await self.place(period)
        async with self.transaction() as tx:
            found: list[PeriodGate] = await tx.periods.gates(ENTITY, [place.id])
        return {each.key.scope: f"{each.status.value}/{each.posting.value}@{each.epoch}" for each in found}

    async def books(self, module: str = "payables", scope: str = "AP", entries: int = 2, **given: Any) -> None:
        """What a module says of March from now on, in memory."""
        place = (ENTITY, (await self.place()).id)
        debit = given.pop("debit", "100.00")
        totals = (Total("EUR", Decimal(debit), Decimal("100.00")),)
        control = Control(module, scope, entries, str(entries), totals, f"digest-{entries}")
        row = ModuleRow(scope, controls={place: control}, **{name: {place: each} for name, each in given.items()})
        async with self.transaction() as tx:
            tx.modules.feed(module, row)

    async def template(self, *tasks: Json, code: str = "month-end", expected: int = 0) -> None:
        wish = {"tasks": list(tasks)}
        await self.cases.templates.put(self.world.fin, code, wish, expected=expected, reason=WHY)

    def task(self, key: str, **given: Any) -> Json:
        return {"key": key, "name": key.capitalize(), "owner": str(self.world.own.id), **given}

    async def ask(self, actor: Actor | None = None, **given: Any) -> ClosureRun:
        wish: dict[str, Any] = {
            "id": uuid4(), "entity": ENTITY, "period": MARCH, "mode": Mode.HARD, "scopes": None, "template": None,
            "due_at": None, "reason": "month end",
        }  # fmt: skip
        run = await self.cases.starting.start(actor or self.world.fin, StartWish(**{**wish, **given}))
        self.run_id = run.id
        return run

    async def dry(self, **given: Any) -> DryRun:
        return await self.cases.prechecking.dry_run(
            self.world.eve, DryWish(ENTITY, given.pop("period", MARCH), **given)
        )

    def step(self, name: str | None = None) -> RunStep:
        self._steps += 1
        return RunStep(self.world.tenant.id, self.run_id, name or f"{self._steps}:step", self.world.clock())

    async def frozen(self, **given: Any) -> Stand:
        """Asked for and frozen: its tasks are to be done."""
        await self.ask(**given)
        await self.cases.prechecking.precheck(self.step())
        await self.cases.freezing.freeze(self.step())
        return await self.cases.freezing.frozen(self.step())

    async def asked(self, **given: Any) -> Stand:
        """Validated, and its approvers are asked."""
        await self.frozen(**given)
        await self.cases.validating.validate(self.step())
        return await self.cases.validating.ask(self.step())

    async def approved(self, **given: Any) -> Stand:
        stand = await self.asked(**given)
        await self.vote(stand)
        return stand

    async def vote(self, stand: Stand, answer: Answer = Answer.APPROVE, *handles: str) -> None:
        assert stand.asked is not None
        for handle in handles or ("bob", "cyd"):
            await self.world.vote(handle, stand.asked.approval, answer)

    async def closed(self, **given: Any) -> Stand:
        await self.approved(**given)
        await self.cases.closing.close(self.step())
        return await self.cases.closing.notify(self.step())

    async def validate(self) -> Stand:
        return await self.cases.validating.validate(self.step())

    async def act(self, actor: Actor, act: Act, **body: Any) -> Stand:
        """Signed, and done where it takes effect."""
        run = (await self.view()).run
        async with self.transaction() as tx:
            await self.cases.tasks.check(tx, actor, run, act, body)
        assertion = await self.world.acting.sign(replace(actor, request=None), act.value, self.run_id, body)
        step = self.step()
        return await self.cases.tasks.apply(ClosureAct(step.tenant, step.run, act, assertion, step.name, step.at))

    async def view(self) -> Any:
        return await self.cases.looking.get(self.world.eve, self.run_id)

    async def timeline(self) -> list[str]:
        return [f"{each.to_state.value}: {each.cause}" for each in (await self.view()).timeline]

    async def state(self) -> RunState:
        run: ClosureRun = (await self.view()).run
        return run.state
