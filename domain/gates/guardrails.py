"""A guardrail fails on estimate and evidence together, and passes on evidence, soak, sample and calm together."""

import math
from dataclasses import dataclass

from domain.gates import eprocess, sentences
from domain.gates.intervals import difference_interval
from domain.gates.spec import GateSpec, LatencyGate
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import MetricVerdict, Verdict
from domain.gates.windows import Window

THREE = 3.0
"""Without one event in n requests the 95 % upper bound of its rate is three over n."""


@dataclass(frozen=True, slots=True)
class Check:
    """One measured window and the state after it."""

    spec: GateSpec
    state: GateState
    stage: StageClock
    window: Window

    @property
    def rule_of_three(self) -> bool:
        seen = self.state.errors
        return seen.candidate_events == 0 and self.spec.error_rate.max_error_rate_abs * seen.candidate >= THREE

    @property
    def waits(self) -> list[str]:
        """What every PASS of this stage still waits for, besides its own evidence."""
        spec, state, stage = self.spec, self.state, self.stage
        waits = []
        if stage.soaked_s < stage.min_soak_s:
            waits.append(f"soak {stage.soaked_s:.0f} of {stage.min_soak_s:.0f} s")
        if state.stage_checks < spec.min_checks:
            waits.append(f"check {state.stage_checks} of {spec.min_checks}")
        if state.stage_requests < spec.min_requests and not self.rule_of_three:
            waits.append(f"request {state.stage_requests:,} of {spec.min_requests:,}")
        return waits

    def settled(self, log_harm: float, *, over: bool, healthy: bool, alpha: float) -> tuple[Verdict, str]:
        """The verdict, and what it waits for: `over` the limit by estimate, `healthy` by evidence."""
        if over and log_harm >= -math.log(alpha):
            return Verdict.FAIL, ""
        waits = self.waits
        if log_harm >= math.log(self.spec.caution):
            waits.append("calm: the evidence of harm is in the caution band")
        if not healthy:
            waits.append("evidence of health")
        if not waits:
            return Verdict.PASS, ""
        verdict = Verdict.INCONCLUSIVE if self.stage.max_soak_reached else Verdict.CONTINUE
        return verdict, "; waits for " + ", ".join(waits)


def error_rate(check: Check, *, hard_stop: bool) -> MetricVerdict:
    """The error-rate gate: candidate's rate over control's at most the limit."""
    gate, seen = check.spec.error_rate, check.state.errors
    alpha = check.spec.alpha_of(gate)
    rates, requests = seen.rates, (seen.candidate, seen.control)
    log_harm, log_health = seen.log_harm, seen.log_health
    healthy = log_health >= -math.log(gate.beta) or check.rule_of_three
    over = rates is not None and rates[0] > gate.limit * rates[1] and rates[0] - rates[1] >= gate.min_abs_effect
    verdict, waits = check.settled(log_harm, over=over, healthy=healthy, alpha=alpha)
    evidence = sentences.evidence(verdict, log_harm, log_health)
    if rates is not None:
        sentence = sentences.rate(rates, gate.limit, seen.candidate, evidence) + waits
    else:
        sentence = sentences.alone(seen.candidate, seen.candidate_events) + waits
    if hard_stop:
        verdict, sentence = Verdict.FAIL, sentences.hard_stop(check.window.candidate, check.spec.hard_stop)
    return MetricVerdict(
        "error_rate",
        verdict,
        sentence,
        candidate=rates[0] if rates else None,
        control=rates[1] if rates else None,
        ratio=rates[0] / rates[1] if rates and rates[1] else None,
        limit=gate.limit,
        log_harm=log_harm,
        log_health=log_health,
        p_value=eprocess.anytime_p(seen.peak),
        interval=difference_interval(rates, requests, gate.limit, alpha) if rates else None,
    )


def latency(check: Check, gate: LatencyGate, trouble: str | None) -> MetricVerdict:
    """The latency gate: at most 1 - quantile of the requests are slow; `trouble` says why it cannot tell."""
    seen = check.state.latency
    slow, expected = seen.slow, 1.0 - gate.quantile
    share = slow.candidate_events / slow.candidate if slow.candidate else None
    log_harm, log_health = seen.log_harm, seen.log_health
    verdict, sentence = Verdict.CONTINUE, "the latency limit is not frozen yet: the control has too few requests"
    if trouble is not None:
        verdict, sentence = Verdict.PROVIDER_ERROR, f"the latency limit cannot be measured: {trouble}"
    elif not check.window.candidate.buckets or check.window.candidate.buckets[-1][1] == 0:
        verdict, sentence = Verdict.NO_DATA, "the source has no latency histogram for the canary in this window"
    elif share is not None:
        healthy = log_health >= -math.log(gate.beta)
        alpha = check.spec.alpha_of(gate)
        verdict, waits = check.settled(log_harm, over=share > expected, healthy=healthy, alpha=alpha)
        sentence = sentences.slow(gate, seen, sentences.evidence(verdict, log_harm, log_health)) + waits
    elif check.stage.max_soak_reached:
        verdict = Verdict.INCONCLUSIVE
    rates = slow.rates
    return MetricVerdict(
        "latency",
        verdict,
        sentence,
        candidate=share,
        control=rates[1] if rates else None,
        ratio=share / expected if share is not None else None,
        limit=1.0,
        log_harm=log_harm,
        log_health=log_health,
        p_value=eprocess.anytime_p(seen.peak),
    )
