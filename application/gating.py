"""One check of a gate: read the counters, judge, and keep the evidence; asking twice gives the first answer."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.changes import existing_change, query_of
from application.ports.metrics import MetricSource
from application.ports.records import Check
from application.ports.store import Store
from application.progression import locked
from domain.gates import GateState, StageClock, Verdict, judge, parse_gate_spec


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

    `hold` says what the rollout is to be held for although nothing failed: "signal", "srm" or nothing.
    """

    verdict: Verdict
    sentence: str
    silent: bool
    hold: str = ""


class Gating:
    def __init__(self, store: Store, metrics: MetricSource) -> None:
        self._store = store
        self._metrics = metrics

    async def check(self, wish: CheckWish) -> CheckAnswer:
        async with self._store.transaction(wish.tenant) as tx:
            kept = await tx.evidence.get(wish.rollout, wish.number)
            if kept is not None:
                return _answer(kept)
            change = await existing_change(tx, wish.rollout)
            latest = await tx.evidence.latest(wish.rollout)
        query = query_of(change)
        if query is None:
            raise LookupError("a plan without gates is not checked")
        observation = await self._metrics.read(query, wish.at)
        state = GateState.from_json(latest.state) if latest else GateState()
        judged = judge(parse_gate_spec(change.content.gates), state, observation, wish.stage)
        check = Check(
            wish.rollout, wish.number, wish.stage.index, judged.verdict, judged.sentence,
            judged.to_json(), judged.state.to_json(), wish.at,
        )  # fmt: skip
        async with self._store.transaction(wish.tenant) as tx:
            rollout = await locked(tx, wish.rollout)
            kept = await tx.evidence.get(wish.rollout, wish.number)
            if kept is None:
                await tx.evidence.add(check)
                await tx.rollouts.save(replace(rollout, verdict=check.verdict))
            return _answer(kept or check)


def _answer(check: Check) -> CheckAnswer:
    return CheckAnswer(check.verdict, check.sentence, bool(check.record.get("silent")), str(check.record.get("hold") or ""))
