"""Every verdict can be read aloud: one plain sentence with the numbers that led to it."""

import math

from domain.gates.evidence import LatencyEvidence
from domain.gates.readings import Counts, Reading
from domain.gates.spec import HardStop, LatencyGate
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


def rate(rates: tuple[float, float], limit: float, requests: int, evidence: str) -> str:
    candidate, control = rates
    times = f"{candidate / control:.3g}x" if control else "control has none"
    return (
        f"error rate {percent(candidate)} against {percent(control)} ({times}, limit {limit:.3g}x) "
        f"in {requests:,} canary requests; {evidence}"
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


def gap(gap: Gap, earlier: Reading | None, later: Reading) -> str:
    """Why nothing was measured; a canary without traffic is shown beside what the control served meanwhile."""
    served = control_served(earlier, later) if gap in BLIND_TO_CANDIDATE else 0
    beside = f"; the control served {served:,} requests" if served else ""
    return GAPS[gap] + beside
