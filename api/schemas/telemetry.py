"""What applications report about their users' requests, on the wire."""

import math
from itertools import pairwise
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from api.schemas.common import Count, In, Instant, Key, Out, Variant
from application.ports.records import TelemetryBatch, TelemetrySample
from domain.environments import Environment

MOST_SAMPLES = 1000
MOST_BUCKETS = 100


class BucketIn(In):
    """`count` requests took at most `le` seconds and more than the bucket before; null is no upper bound."""

    le: Annotated[float, Field(strict=True, gt=0, le=1e9)] | None
    count: Count


class SampleIn(In):
    environment: Environment
    key: Key
    variant: Variant
    window_end: Instant
    requests: Count
    errors: Count
    buckets: list[BucketIn] = Field(default_factory=list, max_length=MOST_BUCKETS)

    @field_validator("buckets")
    @classmethod
    def rising(cls, buckets: list[BucketIn]) -> list[BucketIn]:
        bounds = [_bound(bucket) for bucket in buckets]
        if any(after <= before for before, after in pairwise(bounds)):
            raise ValueError("expected rising upper bounds, with null only as the last")
        return buckets

    def sample(self) -> TelemetrySample:
        buckets = tuple((_bound(bucket), bucket.count) for bucket in self.buckets)
        return TelemetrySample(
            self.environment, self.key, self.variant, self.window_end, self.requests, self.errors, buckets
        )


class BatchIn(In):
    batch: Annotated[str, Field(pattern=r"^[!-~]{1,200}$", examples=["shop-1/2026-01-31T12:00:00Z"])]
    samples: Annotated[list[SampleIn], Field(min_length=1, max_length=MOST_SAMPLES)]

    @field_validator("samples")
    @classmethod
    def distinct(cls, samples: list[SampleIn]) -> list[SampleIn]:
        places = [(each.environment, each.key, each.variant, each.window_end) for each in samples]
        if len(set(places)) < len(places):
            raise ValueError("expected one sample for each environment, key, variant and window_end")
        return samples

    def of(self, source: UUID) -> TelemetryBatch:
        return TelemetryBatch(source, self.batch, tuple(each.sample() for each in self.samples))


class BatchOut(Out):
    """`fresh` is false when this batch was taken before and counted nothing now."""

    batch: str
    fresh: bool


def _bound(bucket: BucketIn) -> float:
    return math.inf if bucket.le is None else bucket.le
