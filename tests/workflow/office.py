"""An entity with books and open periods, and everybody who closes them: the real parts, on the real servers."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Replayer, Worker

from activities.approvals import ApprovalActivities
from activities.closure_series import SeriesActivities
from activities.closures import ClosureActivities
from activities.reopenings import ReopeningActivities
from activities.rollouts import RolloutActivities
from adapters.holidays.listed import ListedHolidays
from adapters.identity.assertions import SignedActs
from adapters.memory.metrics import ScriptedSource
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import WORKFLOWS, build_worker, sandbox
from application.acting import Acting
from application.admission import Admitting
from application.approvals import Approvals, VoteWish
from application.balloting import Balloting
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.closure_series.cases import SeriesCases
from application.closures.cases import ClosureCases
from application.closures.desk import ActWish, ClosureDesk
from application.closures.looking import RunView
from application.closures.starting import StartWish
from application.controls import Controlling
from application.gating import Gating
from application.periods.books import BooksWish
from application.periods.cases import PeriodCases
from application.periods.moves import GateVerb
from application.periods.moving import GateWish
from application.ports.records import AuditFilter
from application.progression import Progression
from application.reopenings.cases import ReopeningCases
from application.tenants import Tenants
from domain.approvals import Answer
from domain.closures import Act, ClosureRun, Mode, RunState
from domain.people import Actor, Role
from domain.periods import PeriodGate, Scope
from tests.conftest import House
from tests.workflow.theatre import Clock, known, now, seen

WHY = "because of the story"
GL = Scope("GL", "General ledger", ledger=True, sequential=True)
AP = Scope("AP", "Payables")


@dataclass
class Office:
    """Root asks for closes, ada has tasks that bob reviews, and whoever approves does so with the others."""

    house: House
    store: PostgresStore
    client: Client
    queue: str
    entity: str = "kit"
    assertions: SignedActs = field(default_factory=lambda: SignedActs(Ed25519PrivateKey.generate(), now))
    runs: list[ClosureRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processes = TemporalProcesses(always(self.client), self.queue)
        self.acting = Acting(self.store, self.assertions, now)
        self.cases = ClosureCases.over(self.store, self.processes, self.assertions, ListedHolidays())
        self.reopenings = ReopeningCases.over(self.store, self.processes, self.cases.starting)
        self.series = SeriesCases.over(self.store, self.processes, self.cases)
        self.desk = ClosureDesk(self.store, self.processes, self.acting, self.cases)
        self.approvals = Approvals(self.store, self.processes, self.acting)
        self.periods = PeriodCases.over(self.store)

    async def settle_in(self, scope: Scope = GL, years: tuple[int, ...] = (2025,), most: int = 2) -> None:
        """Books by the month, whose first periods are open."""
        root, calendars = self.house.root, CalendarCases.over(self.store, ListedHolidays())
        await self.grant("ada", Role.FINANCE_CONTROLLER)
        await self.grant("bob", Role.FINANCE_CONTROLLER)
        await calendars.entities.put(root, self.entity, EntityWish("Kit", "UTC"), expected=0, reason=WHY)
        wish = CalendarWish({"kind": "gregorian"})
        await calendars.configuring.put(root, Place("books", ""), wish, expected=0, reason=WHY)
        for year in years:
            await calendars.making.make(root, Place("books", ""), year, YearWish(), WHY)
        await self.periods.scopes.put(root, scope, expected=0, reason=WHY)
        await self.periods.books.put(root, self.entity, BooksWish("books"), expected=0, reason=WHY)
        for period in [f"{year}-{month:02}" for year in years for month in range(1, 13)][:most]:
            await self.periods.gating.period(root, GateVerb.OPEN, (self.entity, period), GateWish(WHY))

    async def grant(self, handle: str, *roles: Role) -> None:
        """Besides what they have."""
        given = self.house.people[handle].roles | frozenset(roles)
        person = await Tenants(self.store).set_roles(self.house.root, handle, given, WHY)
        self.house.people[handle] = person.actor

    def worker(self) -> Worker:
        store = self.store
        rollouts = RolloutActivities(
            Progression(store),
            Gating(store, ScriptedSource(now())),
            Controlling(store, self.assertions),
            Admitting(store),
        )
        approvals = ApprovalActivities(Balloting(store, self.assertions))
        return build_worker(
            self.client,
            approvals,
            rollouts,
            self.queue,
            more=[
                ClosureActivities(self.cases),
                ReopeningActivities(self.reopenings),
                SeriesActivities(self.series),
            ],
        )

    # --- what people do

    async def template(self, *tasks: dict[str, Any], code: str = "monthly") -> None:
        await self.cases.templates.put(self.house.root, code, {"tasks": list(tasks)}, expected=0, reason=WHY)

    def task(self, key: str, **more: Any) -> dict[str, Any]:
        """Of ada's."""
        task: dict[str, Any] = {"key": key, "name": key, "owner": "ada", **more}
        for name in ("owner", "reviewer"):
            if name in task:
                task[name] = str(self.house.people[task[name]].id)
        return task

    async def start(self, period: str = "2025-01", new: UUID | None = None, **more: Any) -> ClosureRun:
        base = {"mode": Mode.HARD, "scopes": None, "template": None, "due_at": None, "reason": WHY}
        wish = StartWish(id=new or uuid4(), entity=self.entity, period=period, **{**base, **more})
        run = await self.cases.starting.start(self.house.root, wish)
        self.runs.append(run)
        return run

    async def act(self, actor: Actor, run: ClosureRun, act: Act, task: str | None = None, **more: Any) -> RunView:
        return await self.desk.act(actor, run.id, ActWish(act, more.pop("reason", WHY), task, **more))

    async def vote(self, run: ClosureRun, *voters: Actor, answer: Answer = Answer.APPROVE) -> None:
        approval = await self.asked(run)
        for voter in voters:
            await self.approvals.vote(voter, approval, VoteWish(answer, WHY))

    # --- what happens

    def handle(self, run: ClosureRun) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(run.workflow_id)

    async def until(self, run: ClosureRun, state: RunState) -> ClosureRun:
        async def reached() -> ClosureRun | None:
            found = (await self.view(run)).run
            return found if found.state is state else None

        found = await seen(reached)
        assert isinstance(found, ClosureRun)
        return found

    async def asked(self, run: ClosureRun) -> UUID:
        """The approval, once its process is there."""
        waiting = await self.until(run, RunState.AWAITING_APPROVAL)
        assert waiting.approval is not None
        await seen(lambda: known(self.client.get_workflow_handle(f"approval/{waiting.approval}")))
        return waiting.approval

    async def skip_approval(self, run: ClosureRun, **by: float) -> bool:
        return await Clock(self.client).skip(f"approval/{await self.asked(run)}", timedelta(**by))

    async def end(self, run: ClosureRun) -> RunState:
        """How the workflow says that it ended; it may only say what the database holds."""
        result = await self.handle(run).result()
        found = (await self.view(run)).run
        assert RunState(result["state"]) is found.state
        return found.state

    # --- what can be seen

    async def view(self, run: ClosureRun) -> RunView:
        return await self.cases.looking.get(self.house.root, run.id)

    async def gates(self, period: str = "2025-01") -> dict[str, PeriodGate]:
        state = await self.periods.looking.period(self.house.root, self.entity, period)
        return {gate.key.scope: gate for gate in state.gates}

    async def audited(self, action: str) -> list[dict[str, Any]]:
        async with self.store.transaction(self.house.id) as tx:
            rows = await tx.audit.page(AuditFilter(action=action), None, 1000)
        return [row.event for row in reversed(rows)]

    async def replayed(self) -> None:
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=sandbox(), data_converter=self.client.data_converter
        )  # fmt: skip
        for run in self.runs:
            if await known(self.handle(run)):
                await replayer.replay_workflow(await self.handle(run).fetch_history())
