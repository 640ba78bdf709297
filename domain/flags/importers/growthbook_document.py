"""What GrowthBook tells its clients of features, as far as it decides who gets which value."""
# ruff: noqa: N815 -- the names are GrowthBook's own

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from domain.canonical import Json


class Absent(Enum):
    """Stands for a value that is not there; null is one that is."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True)
class ParentCondition:
    """With `gate` the feature gives nothing where the condition does not hold, otherwise the rule is passed over."""

    id: str
    condition: dict[str, Json]
    gate: bool = False


@dataclass(frozen=True)
class Filter:
    """Those of a namespace whose hash falls into one of the ranges."""

    seed: str
    ranges: list[tuple[float, float]]
    attribute: str = "id"


@dataclass(frozen=True)
class Rule:
    """`force` gives one value, `variations` draw one by weight; `namespace` is its name and a range."""

    force: Any = ABSENT
    variations: list[Json] | None = None
    weights: list[float] | None = None
    coverage: float | None = None
    condition: dict[str, Json] | None = None
    parentConditions: list[ParentCondition] | None = None
    key: str | None = None
    seed: str | None = None
    hashAttribute: str | None = None
    fallbackAttribute: str | None = None
    namespace: tuple[str, float, float] | None = None
    filters: list[Filter] | None = None
    range: tuple[float, float] | None = None
    ranges: list[tuple[float, float]] | None = None


@dataclass(frozen=True)
class Feature:
    defaultValue: Json = None
    rules: list[Rule] = field(default_factory=list)


@dataclass(frozen=True)
class GrowthBookExport:
    """`savedGroups` are by id, most of them lists of values."""

    features: dict[str, Feature]
    savedGroups: dict[str, Json] = field(default_factory=dict)
