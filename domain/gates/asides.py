"""Beside the guardrails stand probes that stop, signals and shares that hold, and infos that only tell."""

from collections.abc import Callable
from dataclasses import replace

from domain.gates import eprocess, sentences
from domain.gates.judgement import Judgement
from domain.gates.observations import Observation
from domain.gates.readings import ProviderError
from domain.gates.sample_ratio import SampleEvidence
from domain.gates.spec import ErrorRateGate, GateSpec, HardStop, NamedGate
from domain.gates.state import GateState, NamedState, StageClock
from domain.gates.verdicts import MetricVerdict, Role, Verdict

SIGNAL, SRM = "signal", "srm"
_HARDLY_ANY = 1e-9
"""What nobody looks at gets none of the alpha worth speaking of."""
_NEVER = HardStop(error_rate=1.0, min_requests=10**12)
_CALMED = {Verdict.PASS, Verdict.INCONCLUSIVE}
_Judge = Callable[[GateSpec, GateState, Observation, StageClock], Judgement]


def with_asides(judged: Judgement, named: dict[str, Observation], judge: _Judge) -> Judgement:
    """The same judgement with what the others say; none of them lets exposure grow."""
    judged = _probed(replace(judged, named=named))
    judged, held = _sampled(judged)
    for role, gates in ((Role.SIGNAL, judged.spec.signals), (Role.INFO, judged.spec.infos)):
        for gate in gates:
            judged, says = _named(judged, gate, role, judge)
            held = held or says
    return _held(judged, *held) if held else judged


def _held(judged: Judgement, hold: str, why: str) -> Judgement:
    if judged.verdict is Verdict.FAIL:
        return judged
    verdict = Verdict.CONTINUE if judged.verdict in _CALMED else judged.verdict
    return replace(judged, verdict=verdict, hold=hold, sentence=sentences.held(hold, why, judged.sentence))


def _probed(judged: Judgement) -> Judgement:
    """A probe that finds the candidate down often enough in a row stops it, whatever the counters say."""
    up = None if isinstance(judged.observation, ProviderError) else judged.observation.synthetic
    if up is None:
        return judged
    falls = 0 if up else judged.before.falls + 1
    state = replace(judged.state, falls=falls)
    if falls < judged.spec.hard_stop.synthetic_checks:
        return replace(judged, state=state)
    sentence = sentences.fallen(falls)
    fallen = MetricVerdict("synthetic", Verdict.FAIL, sentence)
    return replace(
        judged,
        state=state,
        verdict=Verdict.FAIL,
        sentence=sentence,
        cause="hard_stop",
        metrics=(*judged.metrics, fallen),
    )


def _sampled(judged: Judgement) -> tuple[Judgement, tuple[str, str] | None]:
    gate, stage, window = judged.spec.sample_ratio, judged.stage, judged.window
    if gate is None or stage.share is None or not 0 < stage.share < 1:
        return judged, None
    seen = judged.state.sample
    if window is not None and window.control is not None:
        phi = judged.state.baseline.phi if judged.state.baseline is not None else 1.0
        served = (window.candidate.requests, window.control.requests)
        seen = seen.with_window(stage.index, served, stage.share, gate, phi)
    elif seen.stage != stage.index:
        seen = SampleEvidence(stage.index)
    off, served = seen.off(gate), (seen.candidate, seen.control)
    why = sentences.sample(served, stage.share, seen.log_evidence)
    says = MetricVerdict(
        "sample_ratio",
        Verdict.FAIL if off else Verdict.CONTINUE,
        why,
        candidate=served[0] / sum(served) if sum(served) else None,
        control=stage.share,
        log_harm=seen.log_evidence,
        p_value=eprocess.anytime_p(seen.log_evidence),
        role=Role.SIGNAL,
    )
    judged = replace(judged, state=replace(judged.state, sample=seen), metrics=(*judged.metrics, says))
    return judged, (SRM, why) if off else None


def _named(judged: Judgement, gate: NamedGate, role: Role, judge: _Judge) -> tuple[Judgement, tuple[str, str] | None]:
    """One named gate is judged as if it were the only one; a signal is over when it has been calm for a while."""
    kept = judged.before.named.get(gate.name) or NamedState(GateState())
    observation = judged.named.get(gate.name, ProviderError("not_read"))
    found = judge(_alone(judged.spec, gate), kept.gate, observation, judged.stage)
    name = "latency" if gate.latency is not None else "error_rate"
    says = next(metric for metric in found.metrics if metric.name == name)
    strikes = (found.state.latency.slow if gate.latency is not None else found.state.errors).strikes
    calm = kept.calm if found.window is None else 0 if strikes else kept.calm + 1
    regressed = says.verdict is Verdict.FAIL or kept.regressed
    after = NamedState(found.state, regressed, calm)
    if kept.regressed and calm >= gate.calm_checks:
        fresh = GateState(last=found.state.last, exposed=found.state.exposed, baseline=found.state.baseline)
        regressed, after = False, NamedState(fresh)
        says = replace(says, verdict=Verdict.CONTINUE, sentence=f"calm for {calm} checks; {says.sentence}")
    state = replace(judged.state, named={**judged.state.named, gate.name: after})
    judged = replace(judged, state=state, metrics=(*judged.metrics, replace(says, name=gate.name, role=role)))
    held = regressed and role is Role.SIGNAL
    return judged, (SIGNAL, f"{gate.name}: {says.sentence}") if held else None


def _alone(spec: GateSpec, gate: NamedGate) -> GateSpec:
    error_rate = gate.error_rate or ErrorRateGate(weight=_HARDLY_ANY)
    return GateSpec(
        error_rate=error_rate,
        latency=gate.latency,
        alpha_total=spec.alpha_total,
        min_requests=spec.min_requests,
        min_checks=spec.min_checks,
        caution=spec.caution,
        hard_stop=_NEVER,
    )
