"""A judgement is a verdict with everything that led to it, so that anyone may judge again and find the same."""

from dataclasses import dataclass, field

from domain.canonical import Json
from domain.gates.cohorts import CohortReading
from domain.gates.observations import Observation
from domain.gates.readings import ProviderError
from domain.gates.spec import GateSpec
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import MetricVerdict, Verdict
from domain.gates.windows import BLIND_TO_CANDIDATE, Window, control_served

FORMULA = "gates/2"
"""Changes whenever the same inputs could give another verdict or another E."""
KNOWN = ("gates/1", FORMULA)
"""What gates/2 knows beyond gates/1 is off where a record does not speak of it, so both replay alike."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`state` is the state after this check; `cause` says in one word why nothing could be measured, or `hard_stop`.

    `hold` says what the rollout is to be held for although nothing failed; `named` are the observations of signals and
    infos.
    """

    verdict: Verdict
    state: GateState
    metrics: tuple[MetricVerdict, ...]
    sentence: str
    cause: str | None
    window: Window | None
    spec: GateSpec
    before: GateState
    observation: Observation
    stage: StageClock
    hold: str = ""
    named: dict[str, Observation] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """The control had traffic and the candidate had none: the canary is broken or not routed."""
        if self.cause not in BLIND_TO_CANDIDATE or isinstance(self.observation, ProviderError):
            return False
        if isinstance(self.observation, CohortReading):
            return self._others_served(self.observation) > 0
        return control_served(self.before.last, self.observation) > 0

    def _others_served(self, now: CohortReading) -> int:
        """Requests of the tenants that do not have the candidate, since the last reading."""
        last = self.before.last
        before = last.tenants if isinstance(last, CohortReading) else {}
        others = [slug for slug in now.tenants if slug in before and slug not in self.stage.candidates]
        return sum(max(0, now.tenants[slug].requests - before[slug].requests) for slug in others)

    def to_json(self) -> Json:
        """The evidence record: inputs, deltas, parameters, formula, E values, estimates, verdict and sentence."""
        return {
            "formula": FORMULA,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "cause": self.cause,
            "silent": self.silent,
            "hold": self.hold,
            "metrics": [metric.to_json() for metric in self.metrics],
            "window": self.window and _window(self.window),
            "spec": self.spec.to_json(),
            "before": self.before.to_json(),
            "observation": self.observation.to_json(),
            "named": {name: each.to_json() for name, each in sorted(self.named.items())},
            "stage": self.stage.to_json(),
        }


def _window(window: Window) -> Json:
    return {
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "candidate": window.candidate.to_json(),
        "control": window.control and window.control.to_json(),
        **({"expected": list(window.expected)} if window.expected is not None else {}),
    }
