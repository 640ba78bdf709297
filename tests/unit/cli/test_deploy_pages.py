"""What is shown of a check is what the gate goes by."""

import io
from typing import Any

from rich.console import Console

from cli.deploy_events import Word
from cli.deploy_pages import line_of, metrics, print_list
from domain.gates import ErrorRateGate, GateSpec, LatencyGate, MetricVerdict, NamedGate, SampleRatio, Verdict

SPEC = GateSpec(
    error_rate=ErrorRateGate(weight=3.0), latency=LatencyGate(), sample_ratio=SampleRatio(),
    signals=(NamedGate("carts", error_rate=ErrorRateGate()),),
)  # fmt: skip


def told(*names: str, spec: GateSpec = SPEC) -> list[str]:
    said = [MetricVerdict(name, Verdict.CONTINUE, "").to_json() for name in names]
    check: dict[str, Any] = {"record": {"spec": spec.to_json(), "metrics": said}}
    return [line.rpartition(" ")[2] for line in metrics(check)]


class TestLimit:
    def test_guardrails_share_one_alpha_by_their_weights(self) -> None:
        assert told("error_rate", "latency") == ["27", "80"]
        limits = [1 / SPEC.alpha_of(gate) for gate in (SPEC.error_rate, LatencyGate())]
        assert [f"{limit:.0f}" for limit in limits] == ["27", "80"]

    def test_one_alone_has_it_all(self) -> None:
        assert told("error_rate", spec=GateSpec()) == ["20"]

    def test_signals_have_one_of_their_own_and_shares_their_threshold(self) -> None:
        assert told("carts", "sample_ratio") == ["20", "1000"]

    def test_a_probe_has_none(self) -> None:
        assert told("synthetic") == ["continue"]


class TestMoment:
    def test_a_step_says_until_when_it_waits(self) -> None:
        step = {"at": "2026-01-31T12:00:00Z", "to_state": "SCHEDULED", "stage": None, "percent": 0.0,
                "cause": "waits_until_due", "hold": None, "until": "2026-02-01T12:00:00Z"}  # fmt: skip
        assert "SCHEDULED  0 %  waits until due  starts at 2026-02-01" in line_of(Word("transition", step))

    def test_a_list_says_when_those_start_that_have_not(self) -> None:
        page = Console(width=200, file=io.StringIO(), highlight=False)
        here = {"key": "banner", "environment": "dev", "percent": 0.0, "plan": {"apply_at": "2026-02-01T12:00:00Z"}}
        print_list([{**here, "id": state, "state": state} for state in ("SCHEDULED", "SUCCEEDED")], page)
        assert isinstance(page.file, io.StringIO)
        waits, ended = page.file.getvalue().splitlines()
        assert "banner in dev, at 2026-02-01" in waits
        assert ended.endswith("banner in dev")
