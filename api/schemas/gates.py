"""Gates on the wire: what they could see, would have said, and said."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import Count, In, Instant, Key, Object, Out
from application.gates.cases import BroughtPast, Past, Soak, SourcePast, asked_query
from application.gates.replaying import ReplayedCheck
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.gates import Counts, Judgement, Measured, Reading, Verdict
from domain.gates.feasibility import Feasibility
from domain.gates.simulating import first_end
from domain.people import Actor

MOST_READINGS = 2000
Seconds = Annotated[int, Field(strict=True, ge=1, le=90 * 86_400)]
Bound = Annotated[float, Field(gt=0, le=1e9)]


class QuestionIn(In):
    """Two variants of a flag, and where they are counted: `metrics` as in a change, with `candidate` and `control`."""

    environment: Environment
    key: Key
    metrics: Object
    gates: Object = Field(default_factory=dict)


class FeasibilityIn(QuestionIn):
    plan: Object = Field(default_factory=dict)


class ExposedOut(Out):
    """What a stage sees until the end of its longest soak; `min_detectable_ratio` is null where it shows nothing."""

    percent: float
    requests: int
    min_detectable_ratio: float | None


class FeasibilityOut(Out):
    """`known` is false where the source has never counted this; then nothing is held against the gate."""

    known: bool
    feasible: bool
    error_rate: float | None
    requests_per_second: float | None
    phi: float
    min_detectable_ratio: float | None
    stages: list[ExposedOut]

    @classmethod
    def of(cls, found: Feasibility) -> "FeasibilityOut":
        stages = [
            ExposedOut(percent=each.percent, requests=each.requests, min_detectable_ratio=each.min_detectable_ratio)
            for each in found.stages
        ]
        return cls(
            known=found.known, feasible=found.feasible, error_rate=found.rate, requests_per_second=found.per_second,
            phi=found.phi, min_detectable_ratio=found.min_detectable_ratio, stages=stages,
        )  # fmt: skip


class CountsIn(In):
    """Cumulative counts; `buckets` are pairs of an upper bound in seconds and the requests at or below it.

    null as the last bound is no upper bound.
    """

    requests: Count
    errors: Count
    buckets: list[tuple[Bound | None, Count]] = Field(default_factory=list, max_length=100)

    def counts(self, pointer: str) -> Counts:
        bounds = tuple((float("inf") if bound is None else bound, height) for bound, height in self.buckets)
        try:
            return Counts(self.requests, self.errors, bounds)
        except ValueError as error:
            raise Invalid([Fault(f"{pointer}/buckets", str(error))]) from None


class ReadingIn(In):
    at: Instant
    candidate: CountsIn | None = None
    control: CountsIn | None = None

    def reading(self, pointer: str) -> Reading:
        arms = (self.candidate, self.control)
        counted = [
            None if arm is None else arm.counts(f"{pointer}/{name}")
            for arm, name in zip(arms, ("candidate", "control"), strict=True)
        ]
        return Reading(self.at, *counted)


class SimulationIn(In):
    """Gates over one of three pasts: `readings` that are brought, what `rollout` saw, or what `past` has in store."""

    gates: Object = Field(default_factory=dict)
    readings: list[ReadingIn] | None = Field(default=None, min_length=2, max_length=MOST_READINGS)
    rollout: UUID | None = None
    past: "PastIn | None" = None
    min_soak_seconds: Seconds = 600
    max_soak_seconds: Seconds = 3600

    def wanted(self, actor: Actor) -> Past:
        """Invalid unless there is one past."""
        if [self.readings, self.rollout, self.past].count(None) != 2:  # noqa: PLR2004 -- all three but one
            raise Invalid([Fault("", "one of readings, rollout and past")])
        if self.past is not None:
            return self.past.wish(actor, self.soak)
        return self.rollout or BroughtPast(self.measured(), self.soak)

    def measured(self) -> list[Measured]:
        """Invalid unless they rise in time."""
        readings = [each.reading(f"/readings/{index}") for index, each in enumerate(self.readings or ())]
        if any(later.at <= earlier.at for earlier, later in pairwise(readings)):
            raise Invalid([Fault("/readings", "in the order of time")])
        return list(readings)

    @property
    def soak(self) -> Soak:
        return Soak(timedelta(seconds=self.min_soak_seconds), timedelta(seconds=self.max_soak_seconds))


class PastIn(In):
    environment: Environment
    key: Key
    metrics: Object
    since: Instant
    until: Instant
    interval_seconds: Seconds = 60

    def wish(self, actor: Actor, soak: Soak) -> SourcePast:
        query = asked_query(actor, self.environment, self.key, self.metrics)
        return SourcePast(query, self.since, self.until, timedelta(seconds=self.interval_seconds), soak)


class JudgedOut(Out):
    """What one check would have said; `metrics` hold the numbers that it rests on."""

    number: int
    at: datetime | None
    verdict: Verdict
    hold: str
    sentence: str
    metrics: list[Object]

    @classmethod
    def of(cls, number: int, judged: Judgement) -> "JudgedOut":
        at = None if "provider_error" in judged.observation.to_json() else judged.observation.to_json()["at"]
        return cls(
            number=number, at=at, verdict=judged.verdict, hold=judged.hold, sentence=judged.sentence,
            metrics=[metric.to_json() for metric in judged.metrics],
        )  # fmt: skip


class SimulationOut(Out):
    """`decided_by` is the number of the first check that passes, fails or gives up; null where none does."""

    verdict: Verdict | None
    decided_by: int | None
    phi: float | None
    checks: list[JudgedOut]

    @classmethod
    def of(cls, judged: Sequence[Judgement]) -> "SimulationOut":
        decided = first_end(judged)
        past = judged[0].before.baseline if judged else None
        return cls(
            verdict=judged[decided - 1].verdict if decided else None,
            decided_by=decided,
            phi=past.phi if past is not None else None,
            checks=[JudgedOut.of(number, each) for number, each in enumerate(judged, 1)],
        )


class ReplayedOut(Out):
    """`differs` are JSON Pointers into the stored record, at what judging it again does not give."""

    number: int
    formula: str
    verdict: str
    exact: bool
    differs: list[str]


class ReplayOut(Out):
    """`exact` when every stored check says again what it said, to the last bit."""

    rollout: UUID
    exact: bool
    checks: list[ReplayedOut]

    @classmethod
    def of(cls, rollout: UUID, checks: Sequence[ReplayedCheck]) -> "ReplayOut":
        told = [
            ReplayedOut(
                number=each.number, formula=each.formula, verdict=each.verdict, exact=each.exact,
                differs=list(each.differs),
            )
            for each in checks
        ]  # fmt: skip
        return cls(rollout=rollout, exact=all(each.exact for each in checks), checks=told)
