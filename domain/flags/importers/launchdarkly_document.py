"""What LaunchDarkly's API tells of flags and segments, as far as it decides who is served what."""
# ruff: noqa: N815 -- the names are LaunchDarkly's own

from dataclasses import dataclass, field

from domain.canonical import Json


@dataclass(frozen=True)
class Clause:
    op: str
    attribute: str = ""
    values: list[Json] = field(default_factory=list)
    negate: bool = False
    contextKind: str | None = None


@dataclass(frozen=True)
class Weighted:
    variation: int
    weight: int


@dataclass(frozen=True)
class Rollout:
    variations: list[Weighted]
    bucketBy: str | None = None
    contextKind: str | None = None


@dataclass(frozen=True)
class Served:
    """A variation by its index, or shares of several."""

    variation: int | None = None
    rollout: Rollout | None = None


@dataclass(frozen=True)
class Rule(Served):
    clauses: list[Clause] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    values: list[str]
    variation: int
    contextKind: str | None = None


@dataclass(frozen=True)
class Prerequisite:
    key: str
    variation: int


@dataclass(frozen=True)
class Place:
    """A flag in one environment."""

    on: bool
    targets: list[Target] | None = None
    contextTargets: list[Target] | None = None
    rules: list[Rule] | None = None
    fallthrough: Served | None = None
    offVariation: int | None = None
    prerequisites: list[Prerequisite] | None = None


@dataclass(frozen=True)
class Variation:
    value: Json
    name: str | None = None


@dataclass(frozen=True)
class Flag:
    key: str
    variations: list[Variation]
    environments: dict[str, Place]
    archived: bool = False


@dataclass(frozen=True)
class SegmentTarget:
    values: list[str]
    contextKind: str | None = None


@dataclass(frozen=True)
class SegmentRule:
    """`weight` is the share of those whom the clauses match, of 100,000; without it all of them."""

    clauses: list[Clause] = field(default_factory=list)
    weight: int | None = None
    bucketBy: str | None = None
    rolloutContextKind: str | None = None


@dataclass(frozen=True)
class Segment:
    key: str
    included: list[str] | None = None
    excluded: list[str] | None = None
    includedContexts: list[SegmentTarget] | None = None
    excludedContexts: list[SegmentTarget] | None = None
    rules: list[SegmentRule] | None = None
    unbounded: bool = False


@dataclass(frozen=True)
class LaunchDarklyExport:
    """`items` is how the API lists flags; `segments` are those of the environment that is imported."""

    items: list[Flag]
    segments: list[Segment] = field(default_factory=list)

    @property
    def environments(self) -> set[str]:
        return {name for flag in self.items for name in flag.environments}
