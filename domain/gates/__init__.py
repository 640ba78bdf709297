"""Gates decide by evidence whether a candidate may see more people, fewer, or the same."""

from domain.gates.cohorts import CohortQuery, CohortReading
from domain.gates.judge import FormulaUnknown, judge, replay
from domain.gates.judgement import FORMULA, Judgement
from domain.gates.observations import Measured, Observation, observation_from_json
from domain.gates.query import MetricQuery, PrometheusTemplates, SourceKind, parse_templates
from domain.gates.readings import Buckets, Counts, Provenance, ProviderError, Reading
from domain.gates.spec import ErrorRateGate, GateSpec, HardStop, LatencyGate, parse_gate_spec
from domain.gates.state import GateState, StageClock
from domain.gates.verdicts import MetricVerdict, Verdict, combined
from domain.gates.windows import Gap, Window, between

__all__ = [
    "FORMULA",
    "Buckets",
    "CohortQuery",
    "CohortReading",
    "Counts",
    "ErrorRateGate",
    "FormulaUnknown",
    "Gap",
    "GateSpec",
    "GateState",
    "HardStop",
    "Judgement",
    "LatencyGate",
    "Measured",
    "MetricQuery",
    "MetricVerdict",
    "Observation",
    "PrometheusTemplates",
    "Provenance",
    "ProviderError",
    "Reading",
    "SourceKind",
    "StageClock",
    "Verdict",
    "Window",
    "between",
    "combined",
    "judge",
    "observation_from_json",
    "parse_gate_spec",
    "parse_templates",
    "replay",
]
