"""A story plays on the real Temporal and the real PostgreSQL; only the metrics are written down beforehand."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker

from activities.approvals import ApprovalActivities
from activities.imports import ImportActivities
from activities.rollouts import RolloutActivities
from adapters.identity.assertions import SignedActs
from adapters.memory.metrics import ScriptedSource, Traffic, constant
from adapters.memory.secrets import MemorySealer
from adapters.postgres.store import PostgresStore
from adapters.postgres.tables_external import notice
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import build_worker
from application.acting import Acting
from application.admission import Admitting
from application.approvals import Approvals, VoteWish
from application.balloting import Balloting
from application.changes import Changes, Proposal
from application.controls import Controlling, Rollouts
from application.delegations import Delegations
from application.gating import Gating
from application.killing import KillSwitch
from application.ports.records import AuditFilter, Check, StoredFlag
from application.ports.store import Store
from application.progression import Progression
from application.settings.moving import importing
from application.submission import Submission
from application.tenants import Tenants
from domain.approvals import Answer, ApprovalPolicy, Level, Standing
from domain.changes import Kind
from domain.environments import Environment
from domain.people import Actor, Role
from domain.rollouts import Rollout, State, Transition, Verb
from tests.conftest import House
from tests.workflow.effects import effects

PRODUCTION = Environment.PRODUCTION
CLASSIC = {"state": "ENABLED", "variants": {"classic": "c", "express": "e"}, "defaultVariant": "classic"}
EXPRESS = {**CLASSIC, "defaultVariant": "express"}
BRISK = {"min_requests": 100, "min_checks": 2, "acknowledge_infeasible": True}
NOBODY = ApprovalPolicy()


def now() -> datetime:
    return datetime.now(UTC)


def plan(*percents: float, soak: float = 120, most: float = 3600, **waits: Any) -> dict[str, Any]:
    """Stages of these percentages with little soak, no bake and no delay, unless `waits` says otherwise."""
    stages = [{"percent": p, "min_soak_seconds": soak, "max_soak_seconds": most} for p in percents or (10, 100)]
    return {"stages": stages, "bake_seconds": 0, "late_grace_seconds": 0, "initial_delay_seconds": 60, **waits}


def manual(raw: dict[str, Any]) -> dict[str, Any]:
    """The same plan with a person at the gate of its first stage."""
    first, *rest = raw["stages"]
    return {**raw, "stages": [{**first, "manual": True}, *rest]}


DIRECT = {"strategy": "direct", "bake_seconds": 0}


@dataclass
class Clock:
    """The one place that knows the experimental skipping of time."""

    client: Client

    async def skip(self, workflow_id: str, by: timedelta, most: int = 10_000) -> bool:
        """Let so much time pass for this workflow, which may be about to start; False when it ended before."""
        handle = self.client.get_workflow_handle(workflow_id)
        await seen(lambda: known(handle))
        skipper = TimeSkipper(self.client, config=TimeSkippingConfig(max_session_skip_count=most))
        try:
            return await skipper.fast_forward(handle, by)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise


@dataclass
class Theatre:
    """Everything a story needs; `played` are the workflows whose histories are replayed afterwards.

    `later` moves the clock by which assertions are issued and judged; `activity_store` is what the worker writes to.
    """

    house: House
    store: PostgresStore
    client: Client
    queue: str
    metrics: ScriptedSource
    clock: Clock
    activity_store: Store
    later: timedelta = timedelta(0)
    played: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processes = TemporalProcesses(always(self.client), self.queue)
        self.assertions = SignedActs(Ed25519PrivateKey.generate(), self.time)
        self.acting = Acting(self.store, self.assertions, self.time)
        self.changes = Changes(self.store, self.metrics)
        self.submission = Submission(self.store, self.processes)
        self.approvals = Approvals(self.store, self.processes, self.acting)
        self.rollouts = Rollouts(self.store, self.processes, self.acting)
        self.kill_switch = KillSwitch(self.store, self.processes)
        self.tenants = Tenants(self.store)
        self.delegations = Delegations(self.store)

    def time(self) -> datetime:
        return now() + self.later

    def worker(self) -> Worker:
        store = self.activity_store
        balloting, controlling = Balloting(store, self.assertions), Controlling(store, self.assertions)
        rollouts = RolloutActivities(Progression(store), Gating(store, self.metrics), controlling, Admitting(store))
        imports = ImportActivities(importing(store, self.processes, MemorySealer()))
        more = effects(store, self.assertions, self.time)
        return build_worker(self.client, ApprovalActivities(balloting), rollouts, self.queue, imports, more=more)

    # --- what people do

    async def flag(self, key: str = "checkout") -> None:
        async with self.store.transaction(self.house.id) as tx:
            await tx.flags.put(StoredFlag(PRODUCTION, key, 1, CLASSIC, "test", None, tx.now), expected=0)

    async def overwrite(self, key: str = "checkout", **fields: Any) -> None:
        """Somebody writes the target without asking the rollout that holds it."""
        async with self.store.transaction(self.house.id) as tx:
            flag = await tx.flags.get(PRODUCTION, key, lock=True)
            assert flag is not None
            definition = {**flag.definition, **fields}
            await tx.flags.put(
                replace(flag, version=flag.version + 1, definition=definition, origin="test"), expected=flag.version
            )

    async def policy(self, *levels: Level, **terms: Any) -> None:
        async with self.store.transaction(self.house.id) as tx:
            await tx.policies.put(PRODUCTION, Kind.FLAG, ApprovalPolicy(levels, **terms))

    async def grant(self, handle: str, *roles: Role) -> None:
        await self.tenants.set_roles(self.house.root, handle, frozenset(roles), "the story needs it")

    async def draft(self, key: str = "checkout", **wishes: Any) -> UUID:
        base = {
            "id": uuid4(), "environment": PRODUCTION, "key": key, "content": EXPRESS, "base_version": 1,
            "plan": plan(), "gates": BRISK, "metrics": None, "reason": "a faster checkout",
        }  # fmt: skip
        return (await self.changes.propose(self.house.ada, Proposal(**{**base, **wishes}))).id

    async def send(self, change: UUID) -> UUID:
        """Submit a draft as ada."""
        await self.submission.submit(self.house.ada, change)
        self.played.append(change)
        return change

    async def submit(self, key: str = "checkout", **wishes: Any) -> UUID:
        """Propose and submit as ada: classic to express in production."""
        return await self.send(await self.draft(key, **wishes))

    async def launch(self, *percents: float, key: str = "checkout", **wishes: Any) -> UUID:
        """Submit where nobody needs to approve, and wait until somebody is served the candidate."""
        await self.policy()
        change = await self.submit(key, **{"plan": plan(*percents), **wishes})
        await self.until(change, State.RUNNING, 2)
        return change

    async def approve(self, change: UUID, *voters: Actor) -> None:
        for voter in voters:
            await self.approvals.vote(voter, change, VoteWish(Answer.APPROVE))

    async def act(self, actor: Actor, change: UUID, verb: Verb, reason: str = "because of the story") -> Rollout:
        return await self.rollouts.control(actor, change, verb, reason)

    # --- what happens

    def handle(self, change: UUID, kind: str = "rollout") -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(f"{kind}/{change}")

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

    async def until(self, change: UUID, state: State, version: int | None = None) -> Rollout:
        """Wait, in real time, until the database shows this state (and this version of the target)."""

        async def reached() -> Rollout | None:
            found = await self.rollout(change)
            return found if found.state is state and version in {None, found.live_version} else None

        found = await seen(reached)
        assert isinstance(found, Rollout)
        return found

    async def doing(self, change: UUID, activity: str) -> bool:
        """Whether the rollout waits for this activity now."""
        description = await self.handle(change).describe()
        return any(each.activity_type.name == activity for each in description.raw_description.pending_activities)

    async def open(self, change: UUID, kind: str = "rollout") -> bool:
        return (await self.handle(change, kind).describe()).status is WorkflowExecutionStatus.RUNNING

    # --- what can be seen

    async def rollout(self, change: UUID) -> Rollout:
        return await self.rollouts.get(self.house.ada, change)

    async def timeline(self, change: UUID) -> list[Transition]:
        return (await self.rollouts.timeline(self.house.ada, change))[1]

    async def evidence(self, change: UUID) -> list[Check]:
        return await self.rollouts.evidence(self.house.ada, change)

    async def standing(self, change: UUID) -> Standing:
        return (await self.approvals.get(self.house.ada, change)).approval.standing

    async def ballots(self, change: UUID) -> list[UUID]:
        """Whose votes count now."""
        return [each.voter for each in (await self.approvals.get(self.house.ada, change)).approval.ballots]

    async def audited(self, action: str, change: UUID | None = None) -> list[dict[str, Any]]:
        async with self.store.transaction(self.house.id) as tx:
            rows = await tx.audit.page(AuditFilter(action=action, change=change), None, 1000)
        return [row.event for row in reversed(rows)]

    async def due(self) -> list[UUID]:
        """The messages that wait to be sent."""
        async with self.store._session(self.house.id) as session:
            return list(await session.scalars(select(notice.c.notice_id).where(notice.c.state == "due")))

    async def told(self, template: str) -> list[tuple[UUID | None, dict[str, str]]]:
        """Who was told with this template, and the facts; None is the tenant's webhook."""
        query = select(notice.c.recipient, notice.c.facts).where(notice.c.template == template)
        async with self.store._session(self.house.id) as session:
            return [(row.recipient, row.facts) for row in await session.execute(query.order_by(notice.c.notice_id))]

    async def served(self, key: str = "checkout") -> Any:
        async with self.store.transaction(self.house.id) as tx:
            flag = await tx.flags.get(PRODUCTION, key)
        assert flag is not None
        return flag.definition

    async def percents(self, change: UUID) -> list[float]:
        """What was exposed, in order, without repetitions."""
        steps = [line.percent for line in await self.timeline(change)]
        return [percent for index, percent in enumerate(steps) if index == 0 or percent != steps[index - 1]]


async def known(handle: WorkflowHandle[Any, Any]) -> bool:
    try:
        await handle.describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def seen(look: Callable[[], Awaitable[Any]], patience: float = 90) -> Any:
    """What `look` returns once it is true; an AssertionError when it never is."""
    for _ in range(int(patience / 0.05)):
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


def healthy(per_minute: float = 600, errors: float = 0.01, share: float = 0.1) -> dict[str, Traffic]:
    """Both versions fail alike; `per_minute` is the candidate's traffic."""
    rate = per_minute / 60
    return {
        "express": Traffic(constant(rate), constant(errors)),
        "classic": Traffic(constant(rate * (1 - share) / share), constant(errors)),
    }
