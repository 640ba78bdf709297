"""What Unleash exports of features, as far as it decides for whom they are enabled; old and new exports alike."""
# ruff: noqa: N815 -- the names are Unleash's own

from dataclasses import dataclass, field

from domain.canonical import Json


@dataclass(frozen=True)
class Constraint:
    contextName: str
    operator: str
    values: list[str] | None = None
    value: str | None = None
    inverted: bool = False
    caseInsensitive: bool = False


@dataclass(frozen=True)
class Payload:
    type: str
    value: str


@dataclass(frozen=True)
class Override:
    contextName: str
    values: list[str]


@dataclass(frozen=True)
class Variant:
    """`weight` is of 1,000."""

    name: str
    weight: int
    stickiness: str | None = None
    payload: Payload | None = None
    overrides: list[Override] | None = None


@dataclass(frozen=True)
class Strategy:
    """Exports of one environment call it `name` and list the segments; those of everything name the environment."""

    featureName: str
    name: str | None = None
    strategyName: str | None = None
    id: str | None = None
    environment: str | None = None
    parameters: dict[str, Json] | None = None
    constraints: list[Constraint] | None = None
    segments: list[int] | None = None
    variants: list[Variant] | None = None
    disabled: bool | None = None
    sortOrder: float | None = None


@dataclass(frozen=True)
class FeatureEnvironment:
    environment: str
    enabled: bool
    featureName: str | None = None
    name: str | None = None
    variants: list[Variant] | None = None


@dataclass(frozen=True)
class Feature:
    name: str
    archived: bool = False


@dataclass(frozen=True)
class Segment:
    """Exports of one environment have the name only."""

    id: int
    name: str = ""
    constraints: list[Constraint] | None = None


@dataclass(frozen=True)
class StrategySegment:
    featureStrategyId: str
    segmentId: int


@dataclass(frozen=True)
class Parent:
    feature: str
    enabled: bool = True
    variants: list[str] | None = None


@dataclass(frozen=True)
class Dependent:
    feature: str
    dependencies: list[Parent]


@dataclass(frozen=True)
class UnleashExport:
    features: list[Feature]
    featureStrategies: list[Strategy] = field(default_factory=list)
    featureEnvironments: list[FeatureEnvironment] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    featureStrategySegments: list[StrategySegment] = field(default_factory=list)
    dependencies: list[Dependent] = field(default_factory=list)

    @property
    def environments(self) -> set[str]:
        return {each.environment for each in self.featureEnvironments}
