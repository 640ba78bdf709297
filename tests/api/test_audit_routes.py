import csv
import hashlib
import io
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from adapters.postgres.engine import connect
from api.export import harmless
from domain.canonical import canonical_bytes

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
CREATE = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}


@pytest.mark.req("FR-CFG-010")
class TestTrail:
    @pytest.mark.req("AU-23")
    async def test_reading_and_exporting_are_events_themselves(self, ask: Any, house: Any) -> None:
        await ask("aud", "GET", "/audit-logs?action=flag:definition:created")
        await ask("aud", "GET", "/audit-logs/export?format=csv&resource_type=flag")
        page = (await ask("aud", "GET", f"/audit-logs?actor={house.aud.id}")).json()["items"]
        assert [event["action"] for event in page] == ["audit:trail:exported", "audit:trail:read"]
        assert page[0]["after"] == {"format": "csv", "resource_type": "flag"}

    async def test_every_event_stands_on_exactly_one_page(self, ask: Any) -> None:
        for n in range(5):
            await ask("ada", "POST", "/flags", json={**CREATE, "key": f"flag-{n}"})
        seen: list[str] = []
        path: str | None = "/audit-logs?resource_type=flag&limit=2"
        while path:
            page = (await ask("aud", "GET", path)).json()
            seen += [event["resource"] for event in page["items"]]
            after = page["next_cursor"]
            path = f"/audit-logs?resource_type=flag&limit=2&cursor={after}" if after else None
        assert seen == [f"dev/flag-{n}" for n in (4, 3, 2, 1, 0)]

    async def test_filters_narrow(self, ask: Any, house: Any) -> None:
        begun = (await ask("ada", "POST", "/rollouts", json={**CREATE, "base_version": 0,
                           "plan": {"strategy": "direct"}})).json()  # fmt: skip
        change = begun["change"]["id"]
        page = (await ask("aud", "GET", f"/audit-logs?change={change}&action=change:record:created")).json()["items"]
        assert [(event["actor"], event["resource"]) for event in page] == [(str(house.ada.id), change)]
        past = "until=2001-01-01T00:00:00Z"
        assert (await ask("aud", "GET", f"/audit-logs?{past}")).json()["items"] == []

    @pytest.mark.parametrize(
        "query", ["since=yesterday", "since=0", "actor=ada", "change=1", "limit=1000", "unheard=1"]
    )
    async def test_a_filter_of_another_shape_is_422(self, ask: Any, query: str) -> None:
        answer = await ask("aud", "GET", f"/audit-logs?{query}")
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, f"/query/{query.partition('=')[0]}")


@pytest.mark.req("FR-CFG-010", "AU-17")
class TestExport:
    async def test_each_leaf_can_be_computed_again(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        answer = await ask("aud", "GET", "/audit-logs/export")
        lines = [orjson.loads(line) for line in answer.content.splitlines()]
        assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
        assert len(lines) > 5
        for line in lines:
            assert hashlib.sha256(b"\x00" + canonical_bytes(line["event"])).hexdigest() == line["leaf"]

    async def test_both_forms_hold_the_same_events(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        query = "resource_type=flag"
        table = await ask("aud", "GET", f"/audit-logs/export?format=csv&{query}")
        lines = await ask("aud", "GET", f"/audit-logs/export?format=jsonl&{query}")
        rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
        assert table.content.count(b"\r\n") == len(rows) + 1
        assert [row["id"] for row in rows] == [orjson.loads(line)["event"]["id"] for line in lines.content.splitlines()]
        assert list(rows[0])[:4] == ["id", "recorded_at", "occurred_at", "action"]

    async def test_a_reason_cannot_become_a_formula(self, ask: Any) -> None:
        wicked = '=HYPERLINK("http://x.test","a")\r\n@b, "c"'
        await ask("ada", "POST", "/flags", json={**CREATE, "reason": wicked})
        table = await ask("aud", "GET", "/audit-logs/export?format=csv&resource_type=flag")
        (row,) = csv.DictReader(io.StringIO(table.text, newline=""))
        assert row["reason"] == f"'{wicked}"

    @pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
    def test_what_a_spreadsheet_would_calculate_is_text(self, first: str) -> None:
        assert harmless(f"{first}1") == f"'{first}1"

    def test_other_text_stays_as_it_is(self) -> None:
        assert [harmless(text) for text in ("", "a=1", "{}", "'x")] == ["", "a=1", "{}", "'x"]

    async def test_a_form_that_is_none_is_422(self, ask: Any) -> None:
        assert (await ask("aud", "GET", "/audit-logs/export?format=pdf")).status_code == 422


@pytest.mark.req("AU-02")
class TestFailsClosed:
    async def test_without_a_trail_nothing_changes(self, ask: Any, stack: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        before = (await ask("eve", "GET", "/flags/checkout?environment=dev")).json()
        owner = connect(stack.endpoints.database_superuser_url).execution_options(isolation_level="AUTOCOMMIT")
        async with owner.connect() as connection:
            await connection.execute(text("REVOKE INSERT ON audit_event FROM changegate_app"))
            try:
                answer = await ask(
                    "ada", "POST", "/flags/checkout/disable?environment=dev", json=WHY, headers={"If-Match": '"v1"'}
                )
                read = await ask("aud", "GET", "/audit-logs")
            finally:
                await connection.execute(text("GRANT INSERT ON audit_event TO changegate_app"))
        await owner.dispose()
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/audit-unavailable")
        assert read.status_code == 503
        assert (await ask("eve", "GET", "/flags/checkout?environment=dev")).json() == before
