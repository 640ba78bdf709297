"""One check of a gate: read the counters, judge, and keep the evidence; asking twice gives the first answer."""

from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from uuid import UUID

from application.changes import existing_change, plan_of
from application.drafts.gates import cohort_query_of, query_of
from application.gates.observing import Query, all_observed, with_past
from application.locking.waiting import is_paused
from application.ports.metrics import MetricSource
from application.ports.records import Check
from application.ports.store import Store, Transaction
from application.progression import Step, locked
from domain.changes import ChangeSet
from domain.flags.authoring import plain
from domain.gates import (
    GateSpec,
    GateState,
    Judgement,
    ProviderError,
    StageClock,
    Verdict,
    judge,
    parse_gate_spec,
)
from domain.rollouts import EXPOSED, HoldReason, Strategy
from domain.rollouts.exposure import TOTAL_WEIGHT
from domain.rollouts.parts import PartState

CODE = f"changegate {version('changegate-server')}"
"""Which code judged; the formula says by which rule."""


@dataclass(frozen=True)
class CheckWish:
    """Judge what the counters say at `at`; `number` counts the checks of the rollout from 1."""

    tenant: UUID
    rollout: UUID
    number: int
    at: datetime
    stage: StageClock


@dataclass(frozen=True)
class CheckAnswer:
    """`silent`: the control had traffic and the candidate had none.

    `hold` says what the rollout is to be held for although nothing failed: "signal", "srm", "frozen" or nothing.
    """

    verdict: Verdict
    sentence: str
    silent: bool
    hold: str = ""


@dataclass(frozen=True)
class _Case:
    """What a check is about; `began` is when the rollout did, where that matters still."""

    spec: GateSpec
    state: GateState
    query: Query
    stage: StageClock
    began: datetime | None


class Gating:
    def __init__(self, store: Store, metrics: MetricSource) -> None:
        self._store = store
        self._metrics = metrics

    async def check(self, wish: CheckWish) -> CheckAnswer:
        async with self._store.transaction(wish.tenant) as tx:
            kept = await tx.evidence.get(wish.rollout, wish.number)
            if kept is not None:
                return await _frozen(tx, wish.rollout, _answer(kept))
            case = await _case(tx, wish)
        judged = await self._judged(case, wish)
        check = Check(
            wish.rollout, wish.number, wish.stage.index, judged.verdict, judged.sentence,
            {**judged.to_json(), "code": CODE}, judged.state.to_json(), wish.at,
        )  # fmt: skip
        async with self._store.transaction(wish.tenant) as tx:
            rollout = await locked(tx, wish.rollout)
            kept = await tx.evidence.get(wish.rollout, wish.number)
            if kept is None:
                await tx.evidence.add(check)
                await tx.rollouts.save(replace(rollout, verdict=check.verdict))
            return await _frozen(tx, wish.rollout, _answer(kept or check))

    async def frozen(self, step: Step) -> bool:
        """Whether a freeze or a close holds what is under way, where no gate is asked."""
        async with self._store.transaction(step.tenant) as tx:
            running = await locked(tx, step.rollout)
            return await is_paused(tx, running, await existing_change(tx, step.rollout))

    async def _judged(self, case: _Case, wish: CheckWish) -> Judgement:
        """What the source says now, beside what it said of the time before the rollout."""
        state = case.state
        observation, named = await all_observed(self._metrics, case.query, case.spec, wish.at)
        if isinstance(observation, ProviderError) or state.baseline is not None or state.last is not None:
            return judge(case.spec, state, observation, case.stage, named)
        known = await with_past(self._metrics, case.query, case.spec, state, case.began or wish.at)
        if isinstance(known, ProviderError):
            return judge(case.spec, state, known, case.stage, named)
        return judge(case.spec, known, observation, case.stage, named)


async def _case(tx: Transaction, wish: CheckWish) -> _Case:
    change, latest = await existing_change(tx, wish.rollout), await tx.evidence.latest(wish.rollout)
    state = GateState.from_json(latest.state) if latest else GateState()
    spec = parse_gate_spec(change.content.gates if change.content.gates is not None else {})
    began = await _began(tx, wish.rollout) if latest is None or state.baseline is None else None
    query = query_of(change)
    if query is not None:
        return _Case(spec, state, query, replace(wish.stage, share=_share(change, wish.stage)), began)
    parts = await tx.parts.of(wish.rollout)
    tenants = dict.fromkeys((part.slug, part.tenant) for part in parts)
    cohort = cohort_query_of(change, list(tenants))
    if cohort is None:
        raise LookupError("a plan without gates is not checked")
    applied = dict.fromkeys(part.slug for part in parts if part.state is PartState.APPLIED)
    return _Case(spec, state, cohort, replace(wish.stage, candidates=tuple(applied)), began)


async def _began(tx: Transaction, rollout: UUID) -> datetime | None:
    """When it was first allowed to be seen by anybody."""
    return next((line.at for line in await tx.rollouts.timeline(rollout) if line.to_state in EXPOSED), None)


def _share(change: ChangeSet, stage: StageClock) -> float | None:
    """What the plan splits; where rules serve variants by themselves, nobody knows the share beforehand."""
    plan = plan_of(change)
    if plan.strategy is not Strategy.CANARY or not stage.control_expected:
        return None
    if plain(change.target.content).get("targeting"):
        return None
    return plan.stages[min(stage.index, len(plan.stages) - 1)].weight / TOTAL_WEIGHT


async def _frozen(tx: Transaction, rollout: UUID, answer: CheckAnswer) -> CheckAnswer:
    """What pauses what is under way holds it where it is, whatever the gate says."""
    running = await locked(tx, rollout)
    frozen = await is_paused(tx, running, await existing_change(tx, rollout))
    return replace(answer, hold=HoldReason.FROZEN.value) if frozen and not answer.hold else answer


def _answer(check: Check) -> CheckAnswer:
    return CheckAnswer(
        check.verdict, check.sentence, bool(check.record.get("silent")), str(check.record.get("hold") or "")
    )
