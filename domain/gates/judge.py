"""A check turns one observation into one verdict; what cannot be measured is never mistaken for good or bad."""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from domain.errors import Refusal
from domain.gates import sentences
from domain.gates.asides import with_asides
from domain.gates.baseline import Baseline
from domain.gates.cohort_windows import between_cohorts
from domain.gates.cohorts import CohortReading
from domain.gates.comparisons import terms_of, window_over
from domain.gates.evidence import LatencyEvidence
from domain.gates.guardrails import Check, error_rate, latency
from domain.gates.judgement import Judgement
from domain.gates.latency import BucketsChanged
from domain.gates.observations import Measured, Observation
from domain.gates.readings import ProviderError, Reading
from domain.gates.spec import GateSpec, LatencyGate, Mode
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import MetricVerdict, Verdict, combined
from domain.gates.windows import Gap, Window, between

_GAP_VERDICT = {
    Gap.FIRST_READING: Verdict.CONTINUE,
    Gap.COUNTER_RESET: Verdict.CONTINUE,
    Gap.ERRORS_EXCEED_REQUESTS: Verdict.PROVIDER_ERROR,
}
_QUIET = {Gap.NO_CANDIDATE_REQUESTS, Gap.NO_CONTROL_REQUESTS}
_NOTHING: Mapping[str, Observation] = MappingProxyType({})


def judge(
    spec: GateSpec,
    state: GateState,
    observation: Observation,
    stage: StageClock,
    named: Mapping[str, Observation] = _NOTHING,
) -> Judgement:
    """The verdict of one check, and the state for the next; pure, and the same for the same arguments."""
    return with_asides(_guarded(spec, state, observation, stage), dict(named), _guarded)


def _guarded(spec: GateSpec, state: GateState, observation: Observation, stage: StageClock) -> Judgement:
    """What the guardrails say."""
    now = state.at_stage(stage.index)
    inputs = (spec, state, observation, stage)
    if isinstance(observation, ProviderError):
        sentence = f"the metric source did not answer: {observation.reason}"
        now = now.with_provider_error(observation.reason)
        return _unmeasured(now, Verdict.PROVIDER_ERROR, sentence, observation.reason, inputs)
    window = _window(now, observation, stage)
    if isinstance(window, Window):
        stopped = window.candidate.requests > 0 and _hard_stop(spec, window)
        gap = None if stopped else _gap(window, observation, stage)
        if gap is None:
            return _measured(now, window, observation, hard_stop=stopped, inputs=inputs)
        window = gap
    verdict = _GAP_VERDICT.get(window, Verdict.NO_DATA)
    settled = verdict is Verdict.CONTINUE or (window in _QUIET and now.stage_checks > 0)
    if stage.max_soak_reached and settled:
        verdict = Verdict.INCONCLUSIVE
    sentence = sentences.gap(window, now.last, observation)
    after = now.with_gap(window, observation, stage.candidates)
    return _unmeasured(after, verdict, sentence, window.value, inputs)


_Inputs = tuple[GateSpec, GateState, Observation, StageClock]


def _window(now: GateState, observation: Measured, stage: StageClock) -> Window | Gap:
    last = now.last
    if isinstance(observation, CohortReading):
        earlier = last if isinstance(last, CohortReading) else None
        return between_cohorts(earlier, observation, (now.exposed, stage.candidates), now.baseline or Baseline())
    return between(last if isinstance(last, Reading) else None, observation)


def _hard_stop(spec: GateSpec, window: Window) -> bool:
    requests, errors = window.candidate.requests, window.candidate.errors
    return requests >= spec.hard_stop.min_requests and errors >= spec.hard_stop.error_rate * requests


def _gap(window: Window, reading: Measured, stage: StageClock) -> Gap | None:
    if window.candidate.requests == 0:
        return Gap.NO_CANDIDATE_REQUESTS
    if not stage.control_expected:
        return None
    if window.control is None:
        seen = (
            reading.control is not None
            if isinstance(reading, Reading)
            else len(reading.tenants) > len(stage.candidates)
        )
        return Gap.FIRST_READING if seen else Gap.NO_CONTROL_SERIES
    return Gap.NO_CONTROL_REQUESTS if window.control.requests == 0 else None


def _measured(now: GateState, window: Window, reading: Measured, *, hard_stop: bool, inputs: _Inputs) -> Judgement:
    spec, _, _, stage = inputs
    state = _with_errors(now, window, spec, stage)
    state = replace(
        state,
        last=replace(reading, provenance=None),
        exposed=stage.candidates,
        resets=now.resets + window.resets,
        stage_checks=now.stage_checks + 1,
        stage_requests=now.stage_requests + window.candidate.requests,
    )
    troubles: dict[str, str | None] = {}
    for name, gate in spec.latencies:
        slow, troubles[name] = _absorbed(getattr(now, name), window, (name, gate), now.baseline)
        state = replace(state, **{name: slow})  # type: ignore[arg-type]  # one of the two fields of latencies
    check = Check(spec, state, stage, window)
    metrics: tuple[MetricVerdict, ...] = (
        error_rate(check, hard_stop=hard_stop),
        *(latency(check, named, troubles[named[0]]) for named in spec.latencies),
    )
    verdict = combined(metric.verdict for metric in metrics)
    sentence = next(metric.sentence for metric in metrics if metric.verdict is verdict)
    trouble = next((trouble for trouble in troubles.values() if trouble is not None), None)
    return Judgement(verdict, state, metrics, sentence, "hard_stop" if hard_stop else trouble, window, *inputs)


def _with_errors(now: GateState, window: Window, spec: GateSpec, stage: StageClock) -> GateState:
    """One more window of errors, against whatever there is to compare with."""
    gate, candidate, control = spec.error_rate, window.candidate, window.control
    seen = (candidate.requests, candidate.errors)
    usual = _usual(now, window, spec, stage)
    if usual is not None:
        expected, limit = usual
        terms = replace(terms_of(gate, now, own_past=True), limit=limit or gate.past_limit)
        return replace(
            now,
            errors=now.errors.with_past(seen, expected, terms),
            past=now.past.with_past(seen, expected, replace(terms, limit=1.0)),
        )
    beside = (control.requests, control.errors) if control is not None else (0, 0)
    terms = terms_of(gate, now, own_past=window.expected is not None)
    errors = now.errors.with_window(seen, beside, terms, window.expected)
    ripe = gate.mode is Mode.STATISTICAL or now.stage_requests + candidate.requests >= spec.min_requests
    return replace(now, errors=errors.struck(over=ripe and window_over(gate, window)))


def _usual(now: GateState, window: Window, spec: GateSpec, stage: StageClock) -> tuple[float, float | None] | None:
    """The errors to expect where nobody is beside the candidate, and the limit; None where somebody is."""
    baseline, requests = now.baseline, window.candidate.requests
    if baseline is not None and baseline.unhealthy and spec.fix_forward is not None:
        return requests * spec.fix_forward.max_error_rate, 1.0
    if stage.control_expected or baseline is None or baseline.rate is None:
        return None
    return (window.expected[0] if window.expected is not None else requests * baseline.rate), None


def _absorbed(
    evidence: LatencyEvidence, window: Window, named: tuple[str, LatencyGate], baseline: Baseline | None
) -> tuple[LatencyEvidence, str | None]:
    name, gate = named
    past = baseline.slow.get(name) if baseline is not None else None
    try:
        if past is None:
            return evidence.with_window(window.candidate, window.control, gate), None
        if name not in window.slow:
            return evidence, BucketsChanged.kind.replace("-", "_")
        return evidence.with_cohort(past, window.slow[name], gate), None
    except Refusal as refusal:
        return evidence, refusal.kind.replace("-", "_")


def _unmeasured(state: GateState, verdict: Verdict, sentence: str, cause: str, inputs: _Inputs) -> Judgement:
    """No window: every guardrail gets the same verdict and shows the evidence it already had."""
    shown = [("error_rate", state.errors.log_harm, state.errors.log_health, state.errors.peak)]
    for name, _ in inputs[0].latencies:
        seen: LatencyEvidence = getattr(state, name)
        shown.append((name, seen.log_harm, seen.log_health, seen.peak))
    metrics = tuple(
        MetricVerdict(name, verdict, sentence, log_harm=harm, log_health=health, p_value=math.exp(-max(peak, 0.0)))
        for name, harm, health, peak in shown
    )
    return Judgement(verdict, state, metrics, sentence, cause, None, *inputs)
