"""A command that takes long has a workflow of its own, which carries out its leases and tells how it ended."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities.commands import Chunk
    from activities.long_commands import LongCommandActivities
    from application.commands.stand import CommandStand, at_work
    from domain.commands.refusals import WillNotRun
    from workflows import search
    from workflows.refusals import typed

LONGEST = timedelta(hours=25)
"""Of one attempt: its own time ends before that."""
LIFE = timedelta(seconds=15)
"""Without a sign of it, its worker is no more."""
PATIENCE = timedelta(minutes=1)
"""So long a run that somebody asked for waits until the command is leased."""
AGAIN = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=10))
"""While the database is away, and when a worker is lost."""


@dataclass(frozen=True)
class CommandRequest:
    """Ids only: what the command says, and what comes of it, stays in the database."""

    tenant: UUID
    domain: str
    command: str
    epoch: int

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.command}"


@dataclass(frozen=True)
class OutcomeAsked:
    """Somebody waits for so long for the end of a command, which may not be begun after `expires_at`."""

    seconds: float
    expires_at: datetime | None = None


@workflow.defn(name="CommandWorkflow")
class CommandWorkflow:
    @workflow.init
    def __init__(self, request: CommandRequest) -> None:
        self._request = request
        self._leases: list[UUID] = []
        self._begun = False
        self._over = False
        self._stand: CommandStand | None = None

    @workflow.run
    async def run(self, request: CommandRequest) -> CommandStand | None:
        workflow.set_current_details("It waits for its turn.")
        while await self._leased():
            lease = self._leases.pop(0)
            self._begun = True
            workflow.set_current_details(at_work(request.domain, request.command))
            self._stand = await self._carried_out(Chunk(request.tenant, lease)) or self._stand
            if self._stand is not None:
                search.show(self._stand.state.value, None, self._stand.words(request.name))
        return self._stand

    @workflow.signal(name="lease")
    def lease(self, lease: UUID) -> None:
        self._leases.append(lease)

    @workflow.update(name="outcome")
    async def outcome(self, asked: OutcomeAsked) -> CommandStand | None:
        """Where it stands after its next execution; None where there was none in time."""
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._stand is not None or self._over, timeout=timedelta(seconds=asked.seconds)
            )
        return self._stand

    @outcome.validator
    def check_outcome(self, asked: OutcomeAsked) -> None:
        late = asked.expires_at is not None and asked.expires_at <= workflow.now()
        with typed():
            if late and not self._begun:
                raise WillNotRun(command=self._request.name, why="expired")

    @workflow.query(name="status")
    def status(self) -> CommandStand | None:
        return self._stand

    async def _leased(self) -> bool:
        """Whether there is a lease to carry out; else everybody who waits for the end is answered."""
        if not self._leases and not self._begun:
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: bool(self._leases), timeout=PATIENCE)
        if not self._leases:
            self._over = True
            await workflow.wait_condition(lambda: bool(self._leases) or workflow.all_handlers_finished())
        self._over = False
        return bool(self._leases)

    async def _carried_out(self, leased: Chunk) -> CommandStand | None:
        self._stand = None
        return await workflow.execute_activity_method(
            LongCommandActivities.carry_out,
            leased,
            start_to_close_timeout=LONGEST,
            heartbeat_timeout=LIFE,
            retry_policy=AGAIN,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary="execute",
        )
