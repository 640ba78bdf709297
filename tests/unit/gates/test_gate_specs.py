"""A specification is read and written alike, and every fault in it has its pointer."""

import json

import pytest

from domain.errors import Invalid
from domain.gates import GateSpec, LatencyGate, parse_gate_spec


class TestSpecs:
    def test_named_gates_are_read_and_written_alike(self) -> None:
        raw = {
            "tail_latency": {}, "sample_ratio": {}, "fix_forward": {"max_error_rate": 0.1},
            "signals": [{"name": "carts", "error_rate": {"unit": "pp", "increase": 0.01}, "metrics": {"key": "carts"}}],
            "infos": [{"name": "pages", "latency": {"mode": "threshold"},
                       "metrics": {"templates": {"requests": "r{v='$variant'}", "errors": "e{v='$variant'}"}}}],
            "acknowledge_infeasible": True,
        }  # fmt: skip
        spec = parse_gate_spec(raw)
        assert spec.tail_latency == LatencyGate(quantile=0.99)
        assert parse_gate_spec(json.loads(json.dumps(spec.to_json()))) == spec

    def test_of_before_are_written_as_before(self) -> None:
        assert set(GateSpec().to_json()) == {
            "error_rate", "latency", "alpha_total", "min_requests", "min_checks", "caution", "hard_stop",
        }  # fmt: skip

    def test_every_fault_has_its_pointer(self) -> None:
        raw = {
            "signals": [{"name": "latency", "metrics": {}}, {"name": "a", "error_rate": {"unit": "x"}, "metrics": 1}],
            "sample_ratio": {"tolerance": -1}, "acknowledge_infeasible": 1, "infos": {},
            "error_rate": {"mode": "literal"}, "tail_latency": {"quantile": 2},
        }  # fmt: skip
        with pytest.raises(Invalid) as refused:
            parse_gate_spec({**raw, "infos": {"a": 1}})
        assert [fault.path for fault in refused.value.faults] == [
            "/error_rate/mode", "/tail_latency/quantile", "/sample_ratio/tolerance", "/signals/0/name", "/signals/0",
            "/signals/0/metrics", "/signals/1/error_rate/unit", "/signals/1/metrics", "/infos",
            "/acknowledge_infeasible",
        ]  # fmt: skip
