"""A metric query names what to count; for a source that others own it carries templates, checked before any rollout."""

import re
from dataclasses import dataclass
from enum import StrEnum
from string import Template
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid

SAFE = re.compile(r"[A-Za-z0-9_.:/@ +-]{1,200}\Z")
"""What may stand inside a quoted label value without being able to leave it."""
_KNOWN = {"variant", "flag", "key", "environment"}
_LONGEST = 4000
_OPTIONAL = {"latency_buckets", "synthetic"}


class SourceKind(StrEnum):
    PROMETHEUS = "prometheus"
    TELEMETRY = "telemetry"
    HTTP_JSON = "http-json"
    DATADOG = "datadog"

    @property
    def templated(self) -> bool:
        """Whether the change says what to ask; what applications report needs no words."""
        return self is not SourceKind.TELEMETRY


@dataclass(frozen=True, slots=True)
class PrometheusTemplates:
    """PromQL with $variant, $key (or $flag) and $environment ($$ for a dollar sign), of cumulative counters.

    `requests` and `errors` return one series (write `... or vector(0)` where no error series may exist yet),
    `latency_buckets` one series for each `le`. For a cohort there is no $variant, and each query returns one series for
    each `tenant`. `synthetic` is one number, more than 0 while a probe from outside finds the candidate up.
    """

    requests: str
    errors: str
    latency_buckets: str | None = None
    synthetic: str | None = None

    def named(self) -> dict[str, str]:
        """Template by the field's name, without the absent."""
        given = {name: getattr(self, name) for name in self.__slots__}
        return {name: template for name, template in given.items() if template is not None}

    def to_json(self) -> Json:
        return {"latency_buckets": None, **self.named()}


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """Which two variants of which flag to compare, and where; `templates` except for telemetry."""

    source: SourceKind
    tenant: UUID
    environment: Environment
    flag: str
    candidate: str
    control: str
    templates: PrometheusTemplates | None = None

    def __post_init__(self) -> None:
        faults = [
            Fault(f"/{name}", "may hold letters, digits, spaces and . _ : / @ + - only")
            for name, text in (("flag", self.flag), ("candidate", self.candidate), ("control", self.control))
            if not SAFE.match(text)
        ]
        if self.candidate == self.control:
            faults.append(Fault("/control", "must be another variant than the candidate"))
        if self.source.templated != (self.templates is not None):
            faults.append(Fault("/templates", "must be given, except for telemetry"))
        if faults:
            raise Invalid(faults)

    def promql(self, template: str, variant: str) -> str:
        """The query that counts `variant`."""
        return Template(template).substitute(
            variant=variant, flag=self.flag, key=self.flag, environment=self.environment.value
        )


def parse_templates(raw: Json, pointer: str = "/templates", *, cohort: bool = False) -> PrometheusTemplates:
    """Templates whose every placeholder is known; all name $variant, or none for a cohort; Invalid with pointers."""
    if not isinstance(raw, dict):
        raise Invalid([Fault(pointer, "must be an object")])
    names = ("requests", "errors", "latency_buckets", "synthetic")
    faults = [Fault(f"{pointer}/{name}", "is not a field") for name in raw if name not in names]
    for name in names:
        if raw.get(name) is None and name in _OPTIONAL:
            continue
        fault = _fault(raw.get(name), None if name == "synthetic" else not cohort)
        if fault:
            faults.append(Fault(f"{pointer}/{name}", fault))
    if faults:
        raise Invalid(faults)
    return PrometheusTemplates(raw["requests"], raw["errors"], raw.get("latency_buckets"), raw.get("synthetic"))


def _fault(given: object, variant: bool | None) -> str | None:  # noqa: FBT001 -- whether $variant must be there
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST:
        return f"must be a query of 1 to {_LONGEST} characters"
    template = Template(given)
    if not template.is_valid():
        return "has a $ that starts no placeholder; write $$ for a dollar sign"
    unknown = sorted(set(template.get_identifiers()) - _KNOWN)
    if unknown:
        return f"has no value for ${unknown[0]}; known are $variant, $flag, $key and $environment"
    named = "variant" in template.get_identifiers()
    if variant and not named:
        return "must contain $variant, or both arms count the same"
    return "a cohort has no $variant; return one series for each tenant" if variant is False and named else None
