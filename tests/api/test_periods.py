"""Periods over the API: opened, held back, locked; and the guard in the database does what was said."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.bookkeeping import V0, WHY
from tests.api.gatehouse import Gatehouse
from tests.api.watching import Watcher
from tests.conftest import housed

CLOSED = "Period 'FY2025 P03' is closed and cannot be modified."


@pytest.fixture
async def gates(ask: Any, store: Any, house: Any) -> Gatehouse:
    gates = Gatehouse(ask, store, house)
    await gates.furnish()
    return gates


@pytest.mark.req("FR-SM-022", "FR-SM-042")
class TestPeriods:
    @pytest.mark.req("FP32")
    async def test_take_nothing_while_they_are_pending(self, gates: Gatehouse) -> None:
        assert await gates.stands("2025-03") == dict.fromkeys(("AP", "AR", "GL"), "pending/none")
        assert await gates.posted("root", "AP", "2025-03-31") == "Period 'FY2025 P03' is not open yet."
        assert await gates.posted("root", "AP", "2025-03-31", "reporting") == ""

    async def test_take_everything_once_they_are_open(self, gates: Gatehouse) -> None:
        told = await gates.moved("open", "2025-03")
        assert [(each["scope"], each["epoch"], each["reason"]) for each in told["gates"]] == [
            (scope, 1, WHY["reason"]) for scope in ("AP", "AR", "GL")
        ]
        assert (told["code"], told["begins"], told["ends"]) == ("2025-03", "2025-03-01", "2025-03-31")
        for operation in ("transaction", "adjustment", "reporting"):
            assert await gates.posted("eve", "AP", "2025-03-31", operation) == ""

    @pytest.mark.req("FP33")
    async def test_closed_softly_take_adjustments_of_who_may(self, gates: Gatehouse) -> None:
        await gates.moved("open", "2025-03")
        await gates.moved("soft-close", "2025-03")
        locked = "Period 'FY2025 P03' is locked."
        assert await gates.posted("root", "AP", "2025-03-31") == locked
        assert await gates.posted("root", "AP", "2025-03-31", "adjustment") == ""
        refused = "Period 'FY2025 P03' takes adjustments only from people who may make them."
        assert await gates.posted("ada", "AP", "2025-03-31", "adjustment") == refused
        await gates.moved("freeze", "2025-03")
        for operation in ("transaction", "adjustment"):
            said = await gates.posted("root", "AP", "2025-03-31", operation)
            assert said == "Period 'FY2025 P03' is locked and does not allow adjustments."
        await gates.moved("unlock", "2025-03")
        assert await gates.posted("ada", "AP", "2025-03-31") == ""

    @pytest.mark.req("FP34", "FP35")
    async def test_are_closed_scope_by_scope(self, gates: Gatehouse) -> None:
        await gates.moved("open", "2025-03")
        await gates.close("2025-03", "AP")
        assert await gates.posted("root", "AP", "2025-03-31") == CLOSED
        assert await gates.posted("root", "AP", "2025-03-31", "adjustment") == CLOSED
        assert await gates.posted("root", "AR", "2025-03-31") == ""
        answer = await gates.move("unlock", "2025-03", "AP")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/period-closed")
        assert answer.json()["title"] == CLOSED
        assert answer.json()["period"] == {"year": "2025", "number": 3, "name": "FY2025 P03"}

    @pytest.mark.req("FP36")
    async def test_let_somebody_in_past_a_closed_gate(self, gates: Gatehouse, ask: Any) -> None:
        await gates.moved("open", "2025-03")
        await gates.close("2025-03")
        wish = {"scope": "AP", "person": "ada", "operations": ["transaction"], "ends": "2199-01-01T00:00:00Z", **WHY}
        answer = await ask("root", "POST", "/entities/acme/periods/2025-03/exceptions", json=wish)
        assert [each["path"] for each in answer.json()["faults"]] == ["/ends"]
        told = await _granted(ask, wish)
        assert (told["person"], told["role"], told["holds"], told["period"]) == ("ada", None, True, "2025-03")
        assert [await gates.posted(who, "AP", "2025-03-31") for who in ("ada", "bob")] == ["", CLOSED]
        found = (await ask("eve", "GET", f"/posting-exceptions/{told['id']}")).json()
        assert (found["exception"]["used"], [use["operation"] for use in found["uses"]]) == (1, ["transaction"])
        page = (await ask("eve", "GET", "/entities/acme/periods/2025-03/exceptions")).json()
        assert [each["id"] for each in page["items"]] == [told["id"]]
        gone = await ask("root", "DELETE", f"/posting-exceptions/{told['id']}?reason=because")
        assert (gone.status_code, gone.json()["holds"]) == (200, False)
        assert await gates.posted("ada", "AP", "2025-03-31") == CLOSED

    @pytest.mark.req("FP32", "FP67")
    async def test_that_are_locked_take_nothing_ever_again(self, gates: Gatehouse) -> None:
        await gates.moved("open", "2025-03")
        early = await gates.move("lock", "2025-03")
        assert (early.status_code, early.json()["type"]) == (409, "/problems/not-all-closed")
        await gates.close("2025-03")
        await gates.moved("lock", "2025-03")
        for operation in ("transaction", "adjustment", "closing"):
            assert (
                await gates.posted("root", "AP", "2025-03-31", operation) == "Period 'FY2025 P03' is locked for good."
            )
        assert await gates.posted("root", "AP", "2025-03-31", "reporting") == ""
        for verb in ("open", "unlock", "soft-close", "freeze"):
            answer = await gates.move(verb, "2025-03", "AP")
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/period-locked")

    @pytest.mark.req("FP43")
    async def test_of_another_house_are_not_there(self, gates: Gatehouse, world: Any) -> None:
        await gates.moved("open", "2025-03")
        async with world.client(await housed(gates.store), "root") as client:
            for path in ("/periods/2025-03", "/books", "/periods?year=2025", "/periods/2025-03/exceptions"):
                assert (await client.get(f"/api/v1/entities/acme{path}")).status_code == 404
            answer = await client.post("/api/v1/entities/acme/periods/2025-03/freeze", json=WHY)
        assert answer.status_code == 404
        assert await gates.posted("root", "AP", "2025-03-31") == ""


@pytest.mark.req("FR-SM-021")
class TestYears:
    async def test_open_all_their_standard_periods(self, gates: Gatehouse, ask: Any) -> None:
        told = await gates.moved("open", "2025")
        assert told["counts"]["GL"] == {
            "pending": 1, "open": 12, "soft-closed": 0, "frozen": 0, "closed": 0, "locked": 0
        }  # fmt: skip
        assert (await ask("eve", "GET", "/entities/acme/periods?year=2025")).json() == told
        await gates.moved("open", "2025-13")
        assert (await ask("eve", "GET", "/calendars/books/years/2025")).json()["used"] is True

    @pytest.mark.req("FP25")
    async def test_stay_as_they_are_once_a_gate_was_opened(self, gates: Gatehouse, ask: Any) -> None:
        await gates.moved("open", "2025-03", "AP")
        gone = await ask("root", "DELETE", "/calendars/books/years/2025?reason=because")
        assert (gone.status_code, gone.json()["type"]) == (409, "/problems/fiscal-year-used")
        wish = {"rule": {"kind": "gregorian", "start_month": 7}, "from_year": 2025, **WHY}
        rule = await ask("root", "PUT", "/calendars/books", json=wish, headers={"If-Match": '"v1"'})
        assert (rule.status_code, rule.json()["type"]) == (409, "/problems/fiscal-calendar-used")

    @pytest.mark.req("FP62")
    async def test_are_locked_whole_or_not_at_all(self, gates: Gatehouse, ask: Any) -> None:
        await gates.moved("open", "2025")
        await gates.moved("open", "2025-13")
        for number in range(1, 14):
            if number != 7:
                await gates.close(f"2025-{number:02}")
        answer = await gates.move("lock", "2025")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-all-closed")
        assert {each["period"] for each in answer.json()["gates"]} == {"2025-07"}
        told = (await ask("eve", "GET", "/entities/acme/periods?year=2025")).json()
        assert {counts["locked"] for counts in told["counts"].values()} == {0}
        await gates.close("2025-07")
        assert {counts["locked"] for counts in (await gates.moved("lock", "2025"))["counts"].values()} == {13}


class TestSubscribers:
    async def test_hear_of_each_gate_that_moves(self, gates: Gatehouse, onlooker: Any, world: Any) -> None:
        watcher = Watcher(onlooker, environment="production", prefix="acme/2025-03")
        await watcher.look()
        await gates.moved("open", "2025-03", "AP", "GL")
        await gates.moved("open", "2025-04")
        await gates.moved("freeze", "2025-03", "AP")
        await world.services.events.publisher.publish(gates.house.id)  # as a worker does
        told = await watcher.events(3)
        assert [(each["type"], each["subject"]["scope"], each["subject"]["version"]) for each in told] == [
            ("FiscalPeriodOpened", "AP", 1), ("FiscalPeriodOpened", "GL", 1), ("FiscalPeriodFrozen", "AP", 2),
        ]  # fmt: skip
        assert told[2]["facts"] == {
            "entity": "acme", "year": "2025", "period": "2025-03", "scope": "AP", "status": "open", "posting": "none",
        }  # fmt: skip


class TestWrites:
    async def test_with_one_key_happen_once(self, gates: Gatehouse, ask: Any) -> None:
        key = {"Idempotency-Key": str(uuid4())}
        path, wish = "/entities/acme/periods/2025-03/open", {"scopes": ["AP"], **WHY}
        first, again = [await ask("root", "POST", path, json=wish, headers=key) for _ in range(2)]
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")

    async def test_over_an_epoch_that_has_passed_are_refused(self, gates: Gatehouse) -> None:
        await gates.moved("open", "2025-03")
        await gates.moved("freeze", "2025-03", "AP")
        answer = await gates.move("unlock", "2025-03", "AP", epochs={"AP": 1})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/stale-epoch")
        assert answer.json()["epoch"] == 2

    async def test_beyond_what_the_books_allow_are_refused(self, ask: Any, store: Any, house: Any) -> None:
        gates = Gatehouse(ask, store, house)
        await gates.furnish(most_open=1)
        await gates.moved("open", "2025-03", "AP")
        answer = await gates.move("open", "2025-04", "AP")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/too-many-open")
        assert answer.json()["periods"] == ["2025-03", "2025-04"]

    async def test_at_once_do_not_pass_what_the_books_allow(self, ask: Any, store: Any, house: Any) -> None:
        gates = Gatehouse(ask, store, house)
        await gates.furnish(most_open=2)
        codes = [f"2025-{number:02}" for number in range(1, 7)]
        answers = await asyncio.gather(*(gates.move("open", code, "AP") for code in codes))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409, 409, 409]

    async def test_at_once_move_a_gate_once(self, gates: Gatehouse) -> None:
        answers = await asyncio.gather(*(gates.move("open", "2025-03") for _ in range(4)))
        told = [{(gate["scope"], gate["epoch"]) for gate in answer.json()["gates"]} for answer in answers]
        assert told == [{("AP", 1), ("AR", 1), ("GL", 1)}] * 4

    async def test_tell_how_a_gate_stood_page_by_page(self, gates: Gatehouse, ask: Any) -> None:
        for verb in ("open", "soft-close", "unlock"):
            await gates.moved(verb, "2025-03", "AP")
        path = "/entities/acme/periods/2025-03/gates/AP/history?limit=2"
        page = (await ask("eve", "GET", path)).json()
        rest = (await ask("eve", "GET", f"{path}&cursor={page['next_cursor']}")).json()
        assert [gate["posting"] for gate in page["items"] + rest["items"]] == ["all", "adjust_only", "all"]

    async def test_of_books_and_scopes_name_what_they_replace(self, gates: Gatehouse, ask: Any) -> None:
        for path, wish in (
            ("/entities/acme/books", {"calendar": "books", "late_entries": "sweep", **WHY}),
            ("/posting-scopes/AP", {"name": "Payables", **WHY}),
        ):
            found = await ask("eve", "GET", path)
            assert (await ask("root", "PUT", path, json=wish, headers=V0)).status_code == 412
            done = await ask("root", "PUT", path, json=wish, headers={"If-Match": found.headers["ETag"]})
            assert (done.status_code, done.headers["ETag"]) == (200, '"v2"')
        scopes = (await ask("eve", "GET", "/posting-scopes")).json()["items"]
        assert [(each["code"], each["ledger"], each["sequential"]) for each in scopes] == [
            ("AP", False, False), ("AR", False, False), ("GL", True, True),
        ]  # fmt: skip


async def _granted(ask: Any, wish: dict[str, Any]) -> Any:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await ask("root", "POST", "/entities/acme/periods/2025-03/exceptions", json={**wish, "ends": ends})
    assert answer.status_code == 201, answer.text
    return answer.json()
