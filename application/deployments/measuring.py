"""Each step of a deployment is counted by the one process that tells it, so the sum over all processes is right."""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from application.convergence import convergence
from application.deployments.tally import DeploymentTally, Distribution
from application.ports.records import AuditFilter
from application.ports.store import Store, Transaction
from domain.audit import Action
from domain.errors import Unavailable
from domain.events import Event, EventType
from domain.rollouts import EXPOSED, TERMINAL, State, Transition
from domain.rollouts.lasting import spans

_LOOK_SECONDS: Final = 15.0
_MOST: Final = 500
_MOST_LEVELS: Final = 20

log = structlog.get_logger()


class Measuring:
    def __init__(self, store: Store) -> None:
        self.tally = DeploymentTally()
        self._store = store
        self._exposed: dict[UUID, UUID] = {}

    async def take(self, tenant: UUID, events: Sequence[Event]) -> None:
        """What was just told; other events are none of its business."""
        for event in events:
            if event.type is EventType.DEPLOYMENT_MOVED and event.facts:
                await self._moved(tenant, event.facts)

    async def follow(self) -> None:
        """Runs as long as the process: what is exposed now is looked at again and again."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except Unavailable as refusal:
                log.warning("measuring.delayed", kind=refusal.kind)
            except Exception:  # a defect here must silence nothing else that follows
                log.exception("measuring.failed")

    async def look(self) -> None:
        evidence: dict[tuple[str, str], float] = {}
        shares: dict[str, float] = {}
        for deployment, tenant in list(self._exposed.items()):
            async with self._store.transaction(tenant) as tx:
                rollout = await tx.rollouts.get(deployment)
                if rollout is None or rollout.state not in EXPOSED:
                    self._exposed.pop(deployment, None)
                    continue
                shares[str(deployment)] = (await convergence(tx, rollout, rollout.stage or 0)).share
                latest = await tx.evidence.latest(deployment)
            for metric in latest.record.get("metrics", ()) if latest else ():
                if metric.get("log_harm") is not None:
                    evidence[str(deployment), metric["name"]] = math.exp(min(metric["log_harm"], 700.0))
        self.tally.evidence, self.tally.convergence = evidence, shares

    async def _moved(self, tenant: UUID, facts: dict[str, Any]) -> None:
        state, deployment = State(facts["to"]), UUID(facts["deployment"])
        self.tally.states[state.value] += 1
        if state in EXPOSED and len(self._exposed) < _MOST:
            self._exposed[deployment] = tenant
        waited = facts["from"] == State.AWAITING_APPROVAL.value and state is not State.AWAITING_APPROVAL
        if state not in TERMINAL and not waited:
            return
        async with self._store.transaction(tenant) as tx:
            lines = await tx.rollouts.timeline(deployment)
            ends = await _levels(tx, deployment) if waited else []
        for level, seconds in enumerate(ends, start=1):
            self.tally.waits.setdefault(level, Distribution()).take(seconds)
        if state in TERMINAL:
            self._exposed.pop(deployment, None)
            self._ended(state, lines)

    def _ended(self, state: State, lines: list[Transition]) -> None:
        lasted = spans(lines, lines[-1].at)
        for part in ("progression", "manual_wait", "blind"):
            seconds = getattr(lasted, part).total_seconds()
            self.tally.durations.setdefault((state.value, part), Distribution()).take(seconds)
        self.tally.blind += lasted.blind.total_seconds()
        began = next((line.at for line in lines if line.to_state is State.ROLLING_BACK), None)
        if began is not None:
            self.tally.rollbacks.take(max((lines[-1].at - began).total_seconds(), 0.0))


async def _levels(tx: Transaction, deployment: UUID) -> list[float]:
    """How many seconds each level of its approval took, as far as they were completed."""
    approval = await tx.approvals.get(deployment)
    if approval is None or approval.closed_at is None or not approval.policy.levels:
        return []
    completed = AuditFilter(action=Action.APPROVAL_LEVEL_COMPLETED.value, change=deployment)
    rows = await tx.audit.page(completed, None, _MOST_LEVELS)
    ends = sorted(datetime.fromisoformat(row.event["occurred_at"]) for row in rows)
    if len(ends) < len(approval.policy.levels):  # it was closed at a level that was not completed
        ends.append(approval.closed_at)
    starts = [approval.opened_at, *ends]
    return [max((end - start).total_seconds(), 0.0) for start, end in zip(starts, ends, strict=False)]
