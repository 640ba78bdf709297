"""A cohort of tenants is counted tenant by tenant, since no two of them are alike."""

from dataclasses import dataclass
from datetime import datetime
from string import Template
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.gates.query import SAFE, PrometheusTemplates, SourceKind
from domain.gates.readings import Counts, Provenance, Sighting


@dataclass(frozen=True, slots=True)
class CohortQuery:
    """Whose requests to count, and where: a template returns one series for each `tenant`.

    `tenant` is whose gate asks; `tenants` are (slug, id), and none but itself or below it.
    """

    source: SourceKind
    tenant: UUID
    tenants: tuple[tuple[str, UUID], ...]
    environment: Environment
    key: str
    templates: PrometheusTemplates | None = None

    def __post_init__(self) -> None:
        faults = [] if SAFE.match(self.key) else [Fault("/key", "may hold letters, digits, spaces and . _ : / @ + -")]
        if self.source.templated != (self.templates is not None):
            faults.append(Fault("/templates", "must be given, except for telemetry"))
        if faults:
            raise Invalid(faults)

    def promql(self, template: str) -> str:
        """The query that counts every tenant at once."""
        return Template(template).substitute(key=self.key, flag=self.key, environment=self.environment.value)


@dataclass(frozen=True, slots=True)
class CohortReading(Sighting):
    """Cumulative counters of each tenant at that instant; a tenant without series is not there."""

    tenants: dict[str, Counts]

    def to_json(self) -> Json:
        return self.told(tenants={slug: counts.to_json() for slug, counts in sorted(self.tenants.items())})

    @staticmethod
    def from_json(raw: Json) -> "CohortReading":
        return CohortReading(
            datetime.fromisoformat(raw["at"]),
            {slug: Counts.from_json(counts) for slug, counts in raw["tenants"].items()},
            synthetic=raw.get("synthetic"),
            provenance=Provenance.from_json(raw.get("provenance")),
        )
