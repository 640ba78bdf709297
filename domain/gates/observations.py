"""An observation is a reading of two arms, a reading of a cohort, or the reason why there is none."""

from domain.canonical import Json
from domain.gates.cohorts import CohortReading
from domain.gates.readings import ProviderError, Reading

Measured = Reading | CohortReading
Observation = Measured | ProviderError


def measured_from_json(raw: Json) -> Measured:
    return CohortReading.from_json(raw) if "tenants" in raw else Reading.from_json(raw)


def observation_from_json(raw: Json) -> Observation:
    return ProviderError(str(raw["provider_error"])) if "provider_error" in raw else measured_from_json(raw)
