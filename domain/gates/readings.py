"""A reading is what a metric source knew at one instant: counters since some origin, never a rate."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from domain.canonical import Json

Buckets = tuple[tuple[float, int], ...]
"""Ascending (upper bound in seconds, number of requests at or below it); the last bound is infinity."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Cumulative counters of one variant; `buckets` is empty where no latency histogram exists."""

    requests: int
    errors: int
    buckets: Buckets = ()

    def __post_init__(self) -> None:
        if self.requests < 0 or self.errors < 0:
            raise ValueError("counters are never negative")
        bounds = [bound for bound, _ in self.buckets]
        heights = [height for _, height in self.buckets]
        if self.buckets and not (
            bounds[-1] == math.inf
            and all(a < b for a, b in pairwise(bounds))
            and all(a <= b for a, b in pairwise([0, *heights]))
        ):
            raise ValueError("buckets ascend, accumulate and end at infinity")

    def to_json(self) -> Json:
        return {
            "requests": self.requests,
            "errors": self.errors,
            "buckets": buckets_to_json(self.buckets),
        }

    @staticmethod
    def from_json(raw: Json) -> "Counts":
        return Counts(int(raw["requests"]), int(raw["errors"]), buckets_from_json(raw["buckets"]))


def buckets_to_json(buckets: Buckets) -> Json:
    """Pairs, with infinity written as Prometheus writes it, since JSON has no such number."""
    return [["+Inf" if bound == math.inf else bound, height] for bound, height in buckets]


def buckets_from_json(raw: Json) -> Buckets:
    return tuple((float(bound), int(height)) for bound, height in raw)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What was asked, word for word, and the SHA-256 of what came back, in hex."""

    queries: dict[str, str]
    sha256: str

    def to_json(self) -> Json:
        return {"queries": dict(self.queries), "sha256": self.sha256}

    @staticmethod
    def from_json(raw: Json) -> "Provenance | None":
        return None if raw is None else Provenance(dict(raw["queries"]), str(raw["sha256"]))


@dataclass(frozen=True, slots=True)
class Sighting:
    """The provider's instant, and what is known beside the counts.

    `synthetic` says whether a probe from outside found the candidate up; None where nobody probes.
    """

    at: datetime
    synthetic: bool | None = field(default=None, kw_only=True)
    provenance: Provenance | None = field(default=None, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a reading's instant carries its offset from UTC")

    def told(self, **counted: Json) -> Json:
        told = {"at": self.at.isoformat(), **counted}
        if self.synthetic is not None:
            told["synthetic"] = self.synthetic
        if self.provenance is not None:
            told["provenance"] = self.provenance.to_json()
        return told


@dataclass(frozen=True, slots=True)
class Reading(Sighting):
    """Both arms at that instant; None where the source has no series (or no number) for the arm."""

    candidate: Counts | None
    control: Counts | None

    def to_json(self) -> Json:
        arms = {"candidate": self.candidate, "control": self.control}
        return self.told(**{arm: counts and counts.to_json() for arm, counts in arms.items()})

    @staticmethod
    def from_json(raw: Json) -> "Reading":
        candidate, control = raw["candidate"], raw["control"]
        return Reading(
            datetime.fromisoformat(raw["at"]),
            Counts.from_json(candidate) if candidate is not None else None,
            Counts.from_json(control) if control is not None else None,
            synthetic=raw.get("synthetic"),
            provenance=Provenance.from_json(raw.get("provenance")),
        )


@dataclass(frozen=True, slots=True)
class ProviderError:
    """The source could not say: `reason` is a short word such as `unreachable`, `http_500`, `ambiguous_series`."""

    reason: str

    def to_json(self) -> Json:
        return {"provider_error": self.reason}
