"""A check turns one observation into one verdict; what cannot be measured is never mistaken for good or bad."""

import math
from dataclasses import replace

from domain.canonical import Json
from domain.errors import Conflict, Fault, Invalid, Refusal
from domain.gates import sentences
from domain.gates.evidence import LatencyEvidence
from domain.gates.guardrails import Check, error_rate, latency
from domain.gates.judgement import FORMULA, Judgement
from domain.gates.observations import Observation, observation_from_json
from domain.gates.readings import ProviderError, Reading
from domain.gates.spec import GateSpec, parse_gate_spec
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import MetricVerdict, Verdict, combined
from domain.gates.windows import Gap, Window, between

_GAP_VERDICT = {
    Gap.FIRST_READING: Verdict.CONTINUE,
    Gap.COUNTER_RESET: Verdict.CONTINUE,
    Gap.ERRORS_EXCEED_REQUESTS: Verdict.PROVIDER_ERROR,
}
_QUIET = {Gap.NO_CANDIDATE_REQUESTS, Gap.NO_CONTROL_REQUESTS}


class FormulaUnknown(Conflict):
    """The record was judged by another formula, so judging it again proves nothing."""

    kind = "formula-unknown"


def judge(spec: GateSpec, state: GateState, observation: Observation, stage: StageClock) -> Judgement:
    """The verdict of one check, and the state for the next; pure, and the same for the same arguments."""
    now = state.at_stage(stage.index)
    inputs = (spec, state, observation, stage)
    if isinstance(observation, ProviderError):
        sentence = f"the metric source did not answer: {observation.reason}"
        now = now.with_provider_error()
        return _unmeasured(now, Verdict.PROVIDER_ERROR, sentence, observation.reason, inputs)
    window = between(now.last, observation)
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
    return _unmeasured(now.with_gap(window, observation), verdict, sentence, window.value, inputs)


def replay(record: Json) -> Judgement:
    """Judge a stored evidence record again; raises FormulaUnknown, or Invalid when it is not such a record."""
    try:
        formula = record["formula"]
        before, observation = GateState.from_json(record["before"]), observation_from_json(record["observation"])
        stage = StageClock.from_json(record["stage"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid([Fault("", "is not an evidence record")]) from error
    if formula != FORMULA:
        raise FormulaUnknown(formula=formula, known=FORMULA)
    return judge(parse_gate_spec(record["spec"]), before, observation, stage)


_Inputs = tuple[GateSpec, GateState, Observation, StageClock]


def _hard_stop(spec: GateSpec, window: Window) -> bool:
    requests, errors = window.candidate.requests, window.candidate.errors
    return requests >= spec.hard_stop.min_requests and errors >= spec.hard_stop.error_rate * requests


def _gap(window: Window, reading: Reading, stage: StageClock) -> Gap | None:
    if window.candidate.requests == 0:
        return Gap.NO_CANDIDATE_REQUESTS
    if not stage.control_expected:
        return None
    if window.control is None:
        return Gap.NO_CONTROL_SERIES if reading.control is None else Gap.FIRST_READING
    return Gap.NO_CONTROL_REQUESTS if window.control.requests == 0 else None


def _measured(now: GateState, window: Window, reading: Reading, *, hard_stop: bool, inputs: _Inputs) -> Judgement:
    spec, _, _, stage = inputs
    candidate, control = window.candidate, window.control
    beside = (control.requests, control.errors) if control is not None else (0, 0)
    gate = spec.error_rate
    errors = now.errors.with_window(
        (candidate.requests, candidate.errors), beside, gate.limit, gate.max_tolerable_ratio
    )
    slow, trouble = _absorbed(now.latency, window, spec)
    state = replace(
        now,
        last=reading,
        stage_checks=now.stage_checks + 1,
        stage_requests=now.stage_requests + candidate.requests,
        errors=errors,
        latency=slow,
    )
    check = Check(spec, state, stage, window)
    metrics: tuple[MetricVerdict, ...] = (error_rate(check, hard_stop=hard_stop),)
    if spec.latency is not None:
        metrics = (*metrics, latency(check, spec.latency, trouble))
    verdict = combined(metric.verdict for metric in metrics)
    sentence = next(metric.sentence for metric in metrics if metric.verdict is verdict)
    return Judgement(verdict, state, metrics, sentence, "hard_stop" if hard_stop else trouble, window, *inputs)


def _absorbed(evidence: LatencyEvidence, window: Window, spec: GateSpec) -> tuple[LatencyEvidence, str | None]:
    if spec.latency is None:
        return evidence, None
    try:
        return evidence.with_window(window.candidate, window.control, spec.latency), None
    except Refusal as refusal:
        return evidence, refusal.kind.replace("-", "_")


def _unmeasured(state: GateState, verdict: Verdict, sentence: str, cause: str, inputs: _Inputs) -> Judgement:
    """No window: every guardrail gets the same verdict and shows the evidence it already had."""
    shown = [("error_rate", state.errors.log_harm, state.errors.log_health, state.errors.peak)]
    if inputs[0].latency is not None:
        shown.append(("latency", state.latency.log_harm, state.latency.log_health, state.latency.peak))
    metrics = tuple(
        MetricVerdict(name, verdict, sentence, log_harm=harm, log_health=health, p_value=math.exp(-max(peak, 0.0)))
        for name, harm, health, peak in shown
    )
    return Judgement(verdict, state, metrics, sentence, cause, None, *inputs)
