"""A candidate that gets another share of the requests than was planned is not compared with its like."""

import math
from dataclasses import dataclass

from domain.canonical import Json
from domain.gates import eprocess
from domain.gates.eprocess import Logs
from domain.gates.spec import SampleRatio

FACTORS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0)
"""Alternatives of both bets, as multiples of the odds that are still tolerated."""
NONE: Logs = (0.0,) * len(FACTORS)


@dataclass(frozen=True, slots=True)
class SampleEvidence:
    """Two bets, that too many and that too few requests went to the candidate, since its share last changed.

    The multinomial e-process of two arms: Lindon and Malek, arXiv 2011.03567.
    """

    stage: int = 0
    candidate: int = 0
    control: int = 0
    many: Logs = NONE
    few: Logs = NONE

    def with_window(
        self, stage: int, served: tuple[int, int], share: float, gate: SampleRatio, phi: float
    ) -> "SampleEvidence":
        """One more window; `served` are (candidate, control) requests, `share` what was planned for the candidate."""
        past = self if stage == self.stage else SampleEvidence(stage)
        odds, slack = share / (1 - share), 1 + gate.tolerance
        hits, misses = served[0] / phi, served[1] / phi
        most, least = odds * slack, odds / slack
        return SampleEvidence(
            stage,
            past.candidate + served[0],
            past.control + served[1],
            eprocess.split(past.many, tuple([most * factor for factor in FACTORS]), most, hits, misses),
            eprocess.split(past.few, tuple([least / factor for factor in FACTORS]), least, hits, misses),
        )

    @property
    def log_evidence(self) -> float:
        """The mean of two e-processes is one."""
        return eprocess.log_mean((*self.many, *self.few))

    def off(self, gate: SampleRatio) -> bool:
        return self.log_evidence >= math.log(gate.threshold)

    def to_json(self) -> Json:
        return {
            "stage": self.stage,
            "candidate": self.candidate,
            "control": self.control,
            "many": list(self.many),
            "few": list(self.few),
        }

    @staticmethod
    def from_json(raw: Json) -> "SampleEvidence":
        if raw is None:
            return SampleEvidence()
        logs = [tuple(float(each) for each in raw[name]) for name in ("many", "few")]
        return SampleEvidence(int(raw["stage"]), int(raw["candidate"]), int(raw["control"]), *logs)
