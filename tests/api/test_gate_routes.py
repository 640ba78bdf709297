from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
QUESTION = {"environment": "production", "key": "checkout", "metrics": {"candidate": "on", "control": "off"}}
NOWHERE = "00000000-0000-4000-8000-000000000000"


def readings(errors: int, checks: int = 30) -> list[dict[str, Any]]:
    return [
        {
            "at": (START + timedelta(minutes=minute)).isoformat(),
            "candidate": {"requests": 600 * minute, "errors": errors * minute},
            "control": {"requests": 5400 * minute, "errors": 54 * minute},
        }
        for minute in range(checks)
    ]


class TestWhoMayAsk:
    async def test_anonymous_is_401(self, ask: Any) -> None:
        assert (await ask(None, "POST", "/gates/simulate", json={"readings": readings(6)})).status_code == 401

    async def test_other_tenant_is_404(self, ask: Any) -> None:
        assert (await ask("ada", "GET", f"/gates/replays/{NOWHERE}")).status_code == 404
        assert (await ask("ada", "GET", f"/gates/feasibility/{NOWHERE}")).status_code == 404

    async def test_viewer_is_403(self, ask: Any) -> None:
        assert (await ask("eve", "POST", "/gates/simulate", json={"readings": readings(6)})).status_code == 403


class TestSimulate:
    async def test_says_which_check_would_have_failed_it(self, ask: Any) -> None:
        answer = (await ask("ada", "POST", "/gates/simulate", json={"readings": readings(12)})).json()
        assert (answer["verdict"], answer["decided_by"]) == ("fail", len(answer["checks"]))
        assert answer["checks"][-1]["sentence"].startswith("error rate 2.0 % against 1.0 % (2x, limit 1.05x)")

    async def test_says_which_would_have_passed_it(self, ask: Any) -> None:
        wish = {"readings": readings(6), "min_soak_seconds": 120}
        answer = (await ask("ada", "POST", "/gates/simulate", json=wish)).json()
        assert (answer["verdict"], answer["decided_by"]) == ("pass", 6)
        assert len(answer["checks"]) == 30

    async def test_obeys_the_gates_that_are_asked_about(self, ask: Any) -> None:
        wish = {"readings": readings(12), "gates": {"error_rate": {"increase": 1.5, "max_tolerable_ratio": 3}}}
        answer = (await ask("ada", "POST", "/gates/simulate", json=wish)).json()
        assert answer["verdict"] != "fail"

    async def test_reads_what_the_source_has_in_store(self, ask: Any) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        samples = [
            {
                "environment": "production", "key": "checkout", "variant": variant, "requests": requests,
                "errors": errors, "window_end": (now - timedelta(minutes=minute)).isoformat(),
            }
            for minute in range(1, 31)
            for variant, requests, errors in (("on", 600, 12), ("off", 5400, 54))
        ]  # fmt: skip
        report = {"batch": str(uuid4()), "samples": samples}
        assert (await ask("ada", "POST", "/telemetry", json=report)).status_code == 200
        past = {**QUESTION, "since": (now - timedelta(minutes=30)).isoformat(), "until": now.isoformat()}
        answer = (await ask("ada", "POST", "/gates/simulate", json={"past": past})).json()
        assert answer["verdict"] == "fail"

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({}, ""),
            ({"readings": readings(6), "rollout": NOWHERE}, ""),
            ({"readings": readings(6)[::-1]}, "/readings"),
            ({"past": {**QUESTION, "since": START.isoformat(), "until": START.isoformat()}}, "/past/until"),
            ({"past": {**QUESTION, "metrics": {}, "since": START.isoformat(), "until": START.isoformat()}},
             "/metrics/candidate"),
        ],
    )  # fmt: skip
    async def test_needs_one_past_in_order(self, ask: Any, wish: dict[str, Any], path: str) -> None:
        answer = await ask("ada", "POST", "/gates/simulate", json=wish)
        assert answer.status_code == 422
        assert answer.json()["faults"][0]["path"] == path

    async def test_of_a_rollout_that_saw_nothing_is_404(self, ask: Any) -> None:
        assert (await ask("ada", "POST", "/gates/simulate", json={"rollout": NOWHERE})).status_code == 404


class TestFeasibility:
    @pytest.mark.req("S45")
    async def test_of_what_was_never_counted_is_unknown(self, ask: Any) -> None:
        answer = (await ask("ada", "POST", "/gates/feasibility", json=QUESTION)).json()
        assert (answer["known"], answer["feasible"], answer["min_detectable_ratio"]) == (False, True, None)

    @pytest.mark.req("S45")
    async def test_says_what_every_stage_would_show(self, ask: Any) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        samples = [
            {
                "environment": "production", "key": "checkout", "variant": "off", "requests": 6000, "errors": 60,
                "window_end": (now - timedelta(minutes=minute)).isoformat(),
            }
            for minute in range(1, 60)
        ]  # fmt: skip
        assert (await ask("ada", "POST", "/telemetry", json={"batch": "b", "samples": samples})).status_code == 200
        answer = (await ask("ada", "POST", "/gates/feasibility", json=QUESTION)).json()
        assert answer["known"]
        assert [each["percent"] for each in answer["stages"]] == [10, 25, 50]
        assert 1 < answer["min_detectable_ratio"] < 2

    async def test_names_what_is_wrong_with_the_gates(self, ask: Any) -> None:
        answer = await ask("ada", "POST", "/gates/feasibility", json={**QUESTION, "gates": {"error_rate": []}})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/error_rate")
