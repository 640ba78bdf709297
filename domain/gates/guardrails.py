"""A guardrail fails on estimate and evidence together, and passes on evidence, soak, sample and calm together."""

import math
from dataclasses import dataclass, field

from domain.gates import comparisons, eprocess, sentences
from domain.gates.evidence import LatencyEvidence
from domain.gates.spec import ErrorRateGate, GateSpec, LatencyGate, Mode
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import MetricVerdict, Verdict
from domain.gates.windows import Window

THREE = 3.0
"""Without one event in n requests the 95 % upper bound of its rate is three over n."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the evidence of one gate comes to: `over` the limit by estimate, `healthy` by evidence."""

    log_harm: float
    log_health: float
    strikes: int
    over: bool = field(kw_only=True)
    healthy: bool = field(kw_only=True)


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

    def settled(self, gate: ErrorRateGate | LatencyGate, found: Found) -> tuple[Verdict, str]:
        """The verdict, and what it waits for."""
        literal = gate.mode is Mode.THRESHOLD
        proved = found.over and found.log_harm >= -math.log(self.spec.alpha_of(gate))
        if found.strikes >= gate.strikes if literal else proved:
            return Verdict.FAIL, ""
        waits = self.waits
        if not literal and found.log_harm >= math.log(self.spec.caution):
            waits.append("calm: the evidence of harm is in the caution band")
        if not (found.strikes == 0 if literal else found.healthy):
            waits.append("a check within the limit" if literal else "evidence of health")
        if not waits:
            return Verdict.PASS, ""
        verdict = Verdict.INCONCLUSIVE if self.stage.max_soak_reached else Verdict.CONTINUE
        return verdict, "; waits for " + ", ".join(waits)

    def evidence(self, gate: ErrorRateGate | LatencyGate, verdict: Verdict, found: Found) -> str:
        if gate.mode is Mode.THRESHOLD:
            return sentences.literal(found.strikes, gate.strikes)
        return sentences.evidence(verdict, found.log_harm, found.log_health)


def error_rate(check: Check, *, hard_stop: bool) -> MetricVerdict:
    """The error-rate gate: candidate's rate over control's at most the limit."""
    gate, seen = check.spec.error_rate, check.state.errors
    compared = comparisons.compared(check.spec, check.state, check.spec.alpha_of(gate))
    healthy = seen.log_health >= -math.log(gate.beta) or check.rule_of_three
    found = Found(seen.log_harm, seen.log_health, seen.strikes, over=compared.over, healthy=healthy)
    verdict, waits = check.settled(gate, found)
    sentence = compared.words + waits
    if compared.rates is not None:
        sentence = f"{compared.words}; {check.evidence(gate, verdict, found)}{waits}"
    if hard_stop:
        verdict, sentence = Verdict.FAIL, sentences.hard_stop(check.window.candidate, check.spec.hard_stop)
    rates = compared.rates
    return MetricVerdict(
        "error_rate",
        verdict,
        sentence,
        candidate=rates[0] if rates else None,
        control=rates[1] if rates else None,
        ratio=rates[0] / rates[1] if rates and rates[1] else None,
        limit=compared.limit,
        log_harm=found.log_harm,
        log_health=found.log_health,
        p_value=eprocess.anytime_p(seen.peak),
        interval=compared.interval,
    )


def latency(check: Check, named: tuple[str, LatencyGate], trouble: str | None) -> MetricVerdict:
    """The latency gate: at most 1 - quantile of the requests are slow; `trouble` says why it cannot tell."""
    name, gate = named
    seen: LatencyEvidence = getattr(check.state, name)
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
        even = slow.rates or (0.0, 0.0)
        over = share > expected if seen.own_limit is None else even[0] > seen.own_limit * even[1]
        found = Found(log_harm, log_health, slow.strikes, over=over, healthy=healthy)
        verdict, waits = check.settled(gate, found)
        words = sentences.slow if seen.own_limit is None else sentences.slow_tenants
        sentence = words(gate, seen, check.evidence(gate, verdict, found)) + waits
    elif check.stage.max_soak_reached:
        verdict = Verdict.INCONCLUSIVE
    rates = slow.rates
    return MetricVerdict(
        name,
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
