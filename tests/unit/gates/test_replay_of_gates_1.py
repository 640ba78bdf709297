import json
from pathlib import Path
from typing import Any

import pytest

from domain.gates import FORMULA, replayed

RECORDS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "records_of_gates_1.json").read_text())


class TestRecordsOfGates1:
    @pytest.mark.req("S48")
    def test_replay_to_the_bit(self) -> None:
        assert FORMULA == "gates/2"
        for stored in RECORDS:
            assert stored["record"]["formula"] == "gates/1"
            assert replayed(stored["record"], stored["state"]).differs == ()

    def test_are_of_every_verdict(self) -> None:
        verdicts = {stored["record"]["verdict"] for stored in RECORDS}
        assert verdicts == {"pass", "fail", "continue", "no_data", "provider_error", "inconclusive"}

    @pytest.mark.req("S48")
    def test_that_were_tampered_with_are_found_out(self) -> None:
        stored = json.loads(json.dumps(next(each for each in RECORDS if each["record"]["verdict"] == "fail")))
        stored["record"]["metrics"][0]["log_harm"] += 1e-12
        assert replayed(stored["record"], stored["state"]).differs == ("/metrics/0/log_harm",)
