"""A split is explained by what it buckets by, the bucket that this falls into, and the buckets that each arm has."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from domain.flags.bucketing import Bucketing, arm_of, hash_of, thresholds
from domain.flags.explaining.places import LIST, Place
from domain.flags.explaining.traces import UNKNOWN, Visit
from domain.flags.explaining.values import brief
from domain.flags.fractional import weights_of
from domain.json_value import Json


@dataclass(frozen=True)
class Arm:
    """Its buckets are those from `first` to `last`; with a weight of 0 it has none."""

    variant: Json
    """Null also where a rule gives it and nobody had to look."""
    weight: int
    first: int | None
    last: int | None
    taken: bool


@dataclass(frozen=True)
class Split:
    """Bucket = (hash * total) >> 32, of `total` buckets; no hash for what cannot be bucketed by."""

    by: Json
    shorthand: bool
    """Nothing is named to bucket by, so it is the key of the flag together with the targeting key."""
    hash: int | None
    bucket: int | None
    total: int
    arms: tuple[Arm, ...]

    @property
    def taken(self) -> Arm | None:
        return next((arm for arm in self.arms if arm.taken), None)


def split_of(place: Place, visit: Visit, flag_key: str, bucketing: Bucketing) -> Split:
    by, written = _by(place, visit)
    arms = [
        visit.value(arm) if arm.operator != LIST else [visit.value(each) for each in arm.operands] for arm in written
    ]
    if isinstance(by, list):
        arms.insert(0, by)
    shorthand = by is UNKNOWN or isinstance(by, list)
    hashed = hash_of(by, bucketing) if not shorthand else place.shorthand(visit.scope) if place.shorthand else None
    if shorthand:
        key = visit.scope.get("targetingKey") if isinstance(visit.scope, dict) else None
        by = key if visit.inside else [flag_key, key]
    weights = weights_of(arms) or []
    bounds = thresholds(weights)
    total = sum(weights) if bounds else 0
    taken = arm_of(hashed, bounds) if bounds and hashed is not None else None
    bucket = hashed * total >> 32 if taken is not None and hashed is not None else None
    return Split(brief(by), shorthand, hashed, bucket, total, _arms(arms, weights, taken) if bounds else ())


def _by(place: Place, visit: Visit) -> tuple[Json, Sequence[Place]]:
    """What is bucketed by, `UNKNOWN` where nothing is named, and the arms; a list that a rule gives is an arm."""
    first, *others = place.operands
    return (UNKNOWN, place.operands) if first.operator == LIST else (visit.value(first), others)


def _arms(arms: Sequence[Json], weights: Sequence[int], taken: int | None) -> tuple[Arm, ...]:
    return tuple(
        Arm(
            None if arm[0] is UNKNOWN else brief(arm[0]), weight,
            end - weight if weight else None, end - 1 if weight else None, number == taken,
        )
        for number, (arm, weight, end) in enumerate(zip(arms, weights, accumulate(weights), strict=True))
    )  # fmt: skip
