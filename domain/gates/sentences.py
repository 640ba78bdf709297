"""Every verdict can be read aloud: one plain sentence with the numbers that led to it."""

import math

from domain.gates.evidence import LatencyEvidence
from domain.gates.observations import Measured
from domain.gates.readings import Counts
from domain.gates.spec import ErrorRateGate, HardStop, LatencyGate, Unit
from domain.gates.verdicts import Verdict
from domain.gates.windows import BLIND_TO_CANDIDATE, Gap, control_served

_MOST = math.log(1_000_000)

GAPS = {
    Gap.FIRST_READING: "first reading; measuring begins with the next one",
    Gap.COUNTER_RESET: "a counter went backwards; this window is discarded",
    Gap.NO_CANDIDATE_SERIES: "the source has no series for the canary",
    Gap.NO_CANDIDATE_REQUESTS: "the canary served no requests in this window",
    Gap.NO_CONTROL_SERIES: "the source has no series for the control",
    Gap.NO_CONTROL_REQUESTS: "the control served no requests in this window",
    Gap.READING_NOT_NEWER: "the source's reading is not newer than the last one",
    Gap.ERRORS_EXCEED_REQUESTS: "the source counts more errors than requests",
}


def percent(share: float) -> str:
    hundred = 100 * share
    return f"{hundred:.1f} %" if hundred >= 0.1 or hundred == 0 else f"{hundred:.2g} %"  # noqa: PLR2004 - one decimal


def odds(log: float) -> str:
    return "over 1,000,000:1" if log > _MOST else f"{math.exp(log):,.0f}:1" if log > 0 else "none"


def evidence(verdict: Verdict, log_harm: float, log_health: float) -> str:
    """The odds that matter for the verdict: of health for a pass, of harm otherwise."""
    if verdict is Verdict.PASS:
        return f"evidence of health {odds(log_health)}"
    return f"evidence {odds(log_harm)}"


def rate(rates: tuple[float, float], gate: ErrorRateGate, requests: int) -> str:
    candidate, control = rates
    times = f"{candidate / control:.3g}x" if control else "control has none"
    if gate.unit is Unit.POINTS:
        times = f"{100 * (candidate - control):+.3g} points"
    return (
        f"error rate {percent(candidate)} against {percent(control)} ({times}, limit {_limit(gate)}) "
        f"in {requests:,} canary requests"
    )


def cohort(rates: tuple[float, float], gate: ErrorRateGate, requests: int) -> str:
    candidate, control = rates
    return (
        f"errors {candidate:.3g}x those of its tenants' own past against {control:.3g}x of the others' "
        f"(limit {_limit(gate)}) in {requests:,} requests of its tenants"
    )


def past(rates: tuple[float, float], gate: ErrorRateGate, requests: int, *, promised: bool) -> str:
    candidate, usual = rates
    if promised:
        return f"error rate {percent(candidate)} against the {percent(usual)} allowed in {requests:,} requests"
    times = f"{candidate / usual:.3g}x" if usual else "it had none"
    return (
        f"error rate {percent(candidate)} against {percent(usual)} before the rollout ({times}, limit {_limit(gate)}) "
        f"in {requests:,} requests"
    )


def _limit(gate: ErrorRateGate) -> str:
    return f"{gate.limit:.3g}x" if gate.unit is Unit.RELATIVE else f"{100 * gate.increase:+.3g} points"


def literal(strikes: int, allowed: int) -> str:
    """What the literal rule has instead of evidence."""
    return f"over the limit in {strikes} checks in a row, {allowed} fail"


def held(hold: str, why: str, sentence: str) -> str:
    return f"held by {hold}: {why}; {sentence}"


def fallen(falls: int) -> str:
    return f"hard stop: a probe from outside found it down {falls} times in a row"


def sample(served: tuple[int, int], share: float, log: float) -> str:
    whole = sum(served) or 1
    return (
        f"{percent(served[0] / whole)} of {whole:,} requests went to the canary, planned were {percent(share)}; "
        f"evidence {odds(log)}"
    )


def alone(requests: int, errors: int) -> str:
    return f"{errors:,} errors in {requests:,} canary requests, without a control beside it"


def hard_stop(window: Counts, limit: HardStop) -> str:
    return (
        f"hard stop: {window.errors:,} of {window.requests:,} canary requests failed in one check, "
        f"limit {percent(limit.error_rate)}"
    )


def slow(gate: LatencyGate, seen: LatencyEvidence, evidence: str) -> str:
    share = seen.slow.candidate_events / seen.slow.candidate
    limit, usual = seen.threshold or 0.0, seen.usual or 0.0
    times = f", {limit / usual:.2g}x the control's {1000 * usual:,.0f} ms," if usual else ""
    return (
        f"p{100 * gate.quantile:.3g} against {gate.ratio:.3g}x control: {percent(share)} of "
        f"{seen.slow.candidate:,} canary requests exceeded {1000 * limit:,.0f} ms{times or ','} "
        f"expected at most {percent(1 - gate.quantile)}; {evidence}"
    )


def slow_tenants(gate: LatencyGate, seen: LatencyEvidence, evidence: str) -> str:
    candidate, control = seen.slow.rates or (0.0, 0.0)
    return (
        f"p{100 * gate.quantile:.3g} of tenants: over {1000 * (seen.threshold or 0.0):,.0f} ms {candidate:.3g}x as "
        f"often as before against {control:.3g}x at the others (limit {seen.own_limit or 0.0:.3g}x) "
        f"in {seen.slow.candidate:,} requests; {evidence}"
    )


def gap(gap: Gap, earlier: Measured | None, later: Measured) -> str:
    """Why nothing was measured; a canary without traffic is shown beside what the control served meanwhile."""
    served = control_served(earlier, later) if gap in BLIND_TO_CANDIDATE else 0
    beside = f"; the control served {served:,} requests" if served else ""
    return GAPS[gap] + beside
