"""Before a change is proposed, the traffic of now says whether its gate could see anything at all."""

from dataclasses import replace
from datetime import datetime

from application.gates.observing import Query, baseline
from application.ports.metrics import MetricSource
from domain.changes import ChangeSet
from domain.environments import Environment
from domain.errors import Fault, Unavailable
from domain.gates import Baseline, GateSpec, ProviderError, check_fix_forward, parse_gate_spec
from domain.gates.feasibility import WORST, Exposed, Feasibility, GateNotFeasible, min_detectable_ratio
from domain.rollouts import Plan, parse_plan
from domain.rollouts.exposure import TOTAL_WEIGHT

MEASURED = "min_detectable_ratio"


async def feasible(metrics: MetricSource, query: Query, change: ChangeSet, now: datetime) -> ChangeSet:
    """The same change, whose gates say what they could see where that was measured: whoever approves reads it there.

    In production raises GateNotFeasible where that is worse than three times the errors and nobody said that they know
    it; BaselineUnhealthy where what is served is broken; and everywhere BaselineHealthy where nothing is to be fixed.
    """
    spec = parse_gate_spec(change.content.gates or {})
    past = await baseline(metrics, query, now, spec)
    if isinstance(past, ProviderError):
        return _told(change, None)  # the trial run has just shown that it answers; of the past it need not know
    found = foreseen(parse_plan(change.content.plan, change.target.environment), spec, past)
    production = change.target.environment is Environment.PRODUCTION
    if production or spec.fix_forward is not None:
        check_fix_forward(spec, past)
    if production and not found.feasible and not spec.acknowledge_infeasible:
        fault = Fault("/gates", f"sees {_seen(found)}, and not {WORST:g}x: plan more soak, or acknowledge_infeasible")
        raise GateNotFeasible([fault], min_detectable_ratio=found.min_detectable_ratio)
    return _told(change, found.min_detectable_ratio)


def _told(change: ChangeSet, ratio: float | None) -> ChangeSet:
    """Measured anew at every proposal, whatever came with it."""
    gates = {name: value for name, value in (change.content.gates or {}).items() if name != MEASURED}
    if ratio is not None:
        gates[MEASURED] = round(ratio, 2)
    if change.content.gates is None or gates == change.content.gates:
        return change
    content = replace(change.content, gates=gates)
    return replace(change, content=content, digest=content.digest)


async def known_past(metrics: MetricSource, query: Query, now: datetime) -> Baseline:
    past = await baseline(metrics, query, now, GateSpec())
    if isinstance(past, ProviderError):
        raise Unavailable(reason=past.reason)
    return past


def foreseen(plan: Plan, spec: GateSpec, past: Baseline) -> Feasibility:
    """Each stage at the end of its longest soak, with the traffic of the past; a promised rate stands for the past.

    Effects too small to count are none, so the rate is not taken for less than them.
    """
    if past.since is None or past.until is None or not past.requests:
        return Feasibility(known=False)
    rate = max((past.errors + 0.5) / (past.requests + 1), spec.error_rate.min_abs_effect)
    if spec.fix_forward is not None:
        rate = spec.fix_forward.max_error_rate
    per_second = past.requests / max((past.until - past.since).total_seconds(), 1.0)
    stages = tuple(
        _exposed(stage.weight / TOTAL_WEIGHT, per_second * stage.max_soak.total_seconds(), rate, past)
        for stage in plan.stages
        if stage.weight < TOTAL_WEIGHT
    )
    baked = per_second * plan.bake.total_seconds()
    return Feasibility(True, rate, per_second, past.phi, stages or (_exposed(1.0, baked, rate, past),))


def _exposed(share: float, requests: float, rate: float, past: Baseline) -> Exposed:
    """Where nobody is beside the candidate, the past is what it is compared with."""
    candidate = share * requests
    control = requests - candidate if share < 1 else float(past.requests)
    return Exposed(100 * share, int(candidate), min_detectable_ratio(rate, candidate, control, past.phi))


def _seen(found: Feasibility) -> str:
    ratio = found.min_detectable_ratio
    return "no regression of any size" if ratio is None else f"{ratio:.3g}x the errors at best"
