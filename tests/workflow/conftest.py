"""Stories play on the real Temporal and the real PostgreSQL; only the metrics are written down beforehand."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper
from temporalio.worker import Replayer, Worker

from activities.approvals import ApprovalActivities
from activities.rollouts import RolloutActivities
from adapters.embedded.stack import Stack
from adapters.memory.identity import MemoryAssertions
from adapters.memory.metrics import ScriptedSource, Traffic, constant
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import connect, prepare
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import WORKFLOWS, build_worker, sandbox
from application.acting import Acting
from application.approvals import Approvals, VoteWish
from application.balloting import Balloting
from application.changes import Changes, Proposal
from application.controls import Controlling, Rollouts
from application.gating import Gating
from application.killing import KillSwitch
from application.ports.records import AuditFilter, StoredFlag
from application.progression import Progression
from application.submission import Submission
from application.tenants import Tenants
from domain.approvals import Answer, ApprovalPolicy, Level, Standing
from domain.environments import Environment
from domain.people import Actor, Role
from domain.rollouts import Rollout, State, Transition, Verb
from tests.conftest import House

PRODUCTION = Environment.PRODUCTION
CLASSIC = {"state": "ENABLED", "variants": {"classic": "c", "express": "e"}, "defaultVariant": "classic"}
EXPRESS = {**CLASSIC, "defaultVariant": "express"}
QUICK = {
    "stages": [{"percent": p, "min_soak_seconds": 600, "max_soak_seconds": 3600} for p in (10, 25, 50, 100)],
    "bake_seconds": 0,
    "late_grace_seconds": 0,
}


def now() -> datetime:
    return datetime.now(UTC)


@pytest_asyncio.fixture(scope="session")
async def client(stack: Stack) -> Client:
    client = await connect(stack.endpoints.temporal_address)
    await prepare(client)
    return client


@dataclass
class Clock:
    """The one place that knows the experimental skipping of time."""

    client: Client

    async def skip(self, workflow_id: str, by: timedelta) -> bool:
        """Let so much time pass for this workflow; False when it ended before."""
        handle = self.client.get_workflow_handle(workflow_id)
        return await TimeSkipper(self.client).fast_forward(handle, by)


@dataclass
class Theatre:
    """Everything a story needs; `played` are the workflows whose histories are replayed afterwards."""

    house: House
    store: PostgresStore
    client: Client
    queue: str
    metrics: ScriptedSource
    clock: Clock
    assertions: MemoryAssertions
    played: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processes = TemporalProcesses(self.client, self.queue)
        acting = Acting(self.store, self.assertions, now)
        self.acting = acting
        self.changes = Changes(self.store, self.metrics)
        self.submission = Submission(self.store, self.processes)
        self.approvals = Approvals(self.store, self.processes, acting)
        self.rollouts = Rollouts(self.store, self.processes, acting)
        self.kill_switch = KillSwitch(self.store, self.processes)
        self.tenants = Tenants(self.store)

    def worker(self) -> Worker:
        balloting = Balloting(self.store, self.assertions)
        progression = Progression(self.store)
        gating = Gating(self.store, self.metrics)
        controlling = Controlling(self.store, self.assertions)
        return build_worker(
            self.client, ApprovalActivities(balloting), RolloutActivities(progression, gating, controlling), self.queue
        )

    async def flag(self, key: str = "checkout") -> None:
        async with self.store.transaction(self.house.id) as tx:
            await tx.flags.put(StoredFlag(PRODUCTION, key, 1, CLASSIC, "test", None, tx.now), expected=0)

    async def policy(self, *levels: Level, **terms: Any) -> None:
        async with self.store.transaction(self.house.id) as tx:
            from domain.changes import Kind

            await tx.policies.put(PRODUCTION, Kind.FLAG, ApprovalPolicy(levels, **terms))

    async def submit(self, key: str = "checkout", **wishes: Any) -> UUID:
        """Propose and submit as ada: classic to express in production."""
        change = await self.draft(key, **wishes)
        await self.submission.submit(self.house.ada, change)
        self.played.append(change)
        return change

    async def draft(self, key: str = "checkout", **wishes: Any) -> UUID:
        base = {
            "id": uuid4(), "environment": PRODUCTION, "key": key, "content": EXPRESS, "base_version": 1,
            "plan": QUICK, "gates": {}, "metrics": None, "reason": "a faster checkout",
        }  # fmt: skip
        return (await self.changes.propose(self.house.ada, Proposal(**{**base, **wishes}))).id

    async def approve(self, change: UUID, *voters: Actor) -> None:
        for voter in voters:
            await self.approvals.vote(voter, change, VoteWish(Answer.APPROVE))

    async def act(self, actor: Actor, change: UUID, verb: Verb, reason: str = "because of the story") -> Rollout:
        return await self.rollouts.control(actor, change, verb, reason)

    def handle(self, change: UUID) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(f"rollout/{change}")

    async def skip(self, change: UUID, **by: float) -> bool:
        return await self.clock.skip(f"rollout/{change}", timedelta(**by))

    async def skip_approval(self, change: UUID, **by: float) -> bool:
        return await self.clock.skip(f"approval/{change}", timedelta(**by))

    async def end(self, change: UUID) -> State:
        """How the workflow says that it ended; it may only say what the database holds."""
        result = await self.handle(change).result()
        rollout = await self.rollout(change)
        assert State(result["state"]) is rollout.state
        return rollout.state

    async def rollout(self, change: UUID) -> Rollout:
        return await self.rollouts.get(self.house.ada, change)

    async def timeline(self, change: UUID) -> list[Transition]:
        return await self.rollouts.timeline(self.house.ada, change)

    async def standing(self, change: UUID) -> Standing:
        return (await self.approvals.get(self.house.ada, change)).approval.standing

    async def audited(self, action: str, change: UUID | None = None) -> list[dict[str, Any]]:
        async with self.store.transaction(self.house.id) as tx:
            rows = await tx.audit.page(AuditFilter(action=action, change=change), None, 1000)
        return [row.event for row in reversed(rows)]

    async def served(self, key: str = "checkout") -> Any:
        async with self.store.transaction(self.house.id) as tx:
            flag = await tx.flags.get(PRODUCTION, key)
        assert flag is not None
        return flag.definition

    async def percents(self, change: UUID) -> list[float]:
        """What was exposed, in order, without repetitions."""
        steps = [line.percent for line in await self.timeline(change)]
        return [percent for index, percent in enumerate(steps) if index == 0 or percent != steps[index - 1]]


def healthy(per_minute: float = 600, errors: float = 0.01, share: float = 0.1) -> dict[str, Traffic]:
    """Both versions fail alike; `per_minute` is the candidate's traffic."""
    rate = per_minute / 60
    return {
        "express": Traffic(constant(rate), constant(errors)),
        "classic": Traffic(constant(rate * (1 - share) / share), constant(errors)),
    }


@pytest_asyncio.fixture
async def stage(house: House, store: PostgresStore, client: Client) -> AsyncIterator[Theatre]:
    """A worker on a queue of its own; every history that the story made is replayed when it is over."""
    metrics = ScriptedSource(now() - timedelta(hours=1), healthy())
    assertions = MemoryAssertions(now)
    theatre = Theatre(house, store, client, f"q-{secrets.token_hex(4)}", metrics, Clock(client), assertions)
    await theatre.flag()
    async with theatre.worker():
        yield theatre
    await replayed(theatre)


async def replayed(theatre: Theatre) -> None:
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=sandbox(),
        data_converter=theatre.client.data_converter,
        interceptors=[],
    )
    for change in theatre.played:
        for kind in ("rollout", "approval"):
            handle = theatre.client.get_workflow_handle(f"{kind}/{change}")
            await replayer.replay_workflow(await handle.fetch_history())


def roles(*names: Role) -> frozenset[Role]:
    return frozenset(names)
