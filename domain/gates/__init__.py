"""Gates decide by evidence whether a candidate may see more people, fewer, or the same."""

from domain.gates.baseline import (
    Baseline,
    BaselineHealthy,
    BaselineUnhealthy,
    baseline_of,
    check_fix_forward,
    cohort_baseline_of,
)
from domain.gates.cohorts import CohortQuery, CohortReading
from domain.gates.judge import judge
from domain.gates.judgement import FORMULA, Judgement
from domain.gates.observations import Measured, Observation, observation_from_json
from domain.gates.parsing import parse_gate_spec
from domain.gates.query import MetricQuery, PrometheusTemplates, SourceKind, parse_templates
from domain.gates.readings import Buckets, Counts, Provenance, ProviderError, Reading
from domain.gates.replaying import FormulaUnknown, Replayed, replay, replayed
from domain.gates.spec import (
    ErrorRateGate,
    FixForward,
    GateSpec,
    HardStop,
    LatencyGate,
    Mode,
    NamedGate,
    SampleRatio,
    Unit,
)
from domain.gates.state import GateState, NamedState, StageClock
from domain.gates.verdicts import MetricVerdict, Role, Verdict, combined
from domain.gates.windows import Gap, Window, between

__all__ = [
    "FORMULA",
    "Baseline",
    "BaselineHealthy",
    "BaselineUnhealthy",
    "Buckets",
    "CohortQuery",
    "CohortReading",
    "Counts",
    "ErrorRateGate",
    "FixForward",
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
    "Mode",
    "NamedGate",
    "NamedState",
    "Observation",
    "PrometheusTemplates",
    "Provenance",
    "ProviderError",
    "Reading",
    "Replayed",
    "Role",
    "SampleRatio",
    "SourceKind",
    "StageClock",
    "Unit",
    "Verdict",
    "Window",
    "baseline_of",
    "between",
    "check_fix_forward",
    "cohort_baseline_of",
    "combined",
    "judge",
    "observation_from_json",
    "parse_gate_spec",
    "parse_templates",
    "replay",
    "replayed",
]
