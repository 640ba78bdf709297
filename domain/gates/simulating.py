"""What a gate would have said can be told of any readings, before anybody relies on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.gates.baseline import Baseline
from domain.gates.judge import judge
from domain.gates.judgement import Judgement
from domain.gates.observations import Measured, Observation
from domain.gates.spec import GateSpec
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import Verdict

ENDS = {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE}


@dataclass(frozen=True)
class Look:
    """One check that was, or might have been made."""

    observation: Observation
    stage: StageClock


def looks_of(readings: Sequence[Measured], min_soak_s: float, max_soak_s: float) -> list[Look]:
    """A stage that begins with the first of the readings."""
    begun = readings[0].at if readings else None
    return [
        Look(reading, StageClock(0, soaked, min_soak_s, max_soak_reached=soaked >= max_soak_s))
        for reading in readings
        for soaked in [(reading.at - begun).total_seconds() if begun is not None else 0.0]
    ]


def simulated(spec: GateSpec, looks: Iterable[Look], baseline: Baseline | None) -> list[Judgement]:
    """Every check up to the one that would have ended a stage for good, which only a failure does.

    Signals and infos are left out: what they would have read was not read.
    """
    alone, state = replace(spec, signals=(), infos=()), GateState(baseline=baseline)
    done: list[Judgement] = []
    for look in looks:
        done.append(judge(alone, state, look.observation, look.stage))
        state = done[-1].state
        if done[-1].verdict is Verdict.FAIL:
            break
    return done


def first_end(judgements: Sequence[Judgement]) -> int | None:
    """The number of the first check that decides, counted from 1."""
    return next((number for number, each in enumerate(judgements, 1) if each.verdict in ENDS), None)
