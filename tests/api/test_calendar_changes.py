"""Over the API a calendar changes at once where nobody is asked, and as a change where somebody is."""

from typing import Any
from uuid import UUID

import pytest

from domain.canonical import digest_of
from domain.rollouts import State
from tests.api.bookkeeping import V0, V1, WHY, Books
from tests.api.driving import Drive

RULE = {"rule": {"kind": "gregorian", "start_month": 7}, **WHY}
POLICY = "/policies/production?kind=fiscal-calendar"


@pytest.fixture
async def books(ask: Any) -> Books:
    """Whose policy asks one person, and whose entity has books already."""
    books = Books(ask)
    await books.rule()
    await books.entity("acme", "UTC")
    wish = {"calendar": "books", **WHY}
    assert (await ask("root", "PUT", "/entities/acme/books", json=wish, headers=V0)).status_code == 200
    policy = {"policy": {"levels": [{"roles": ["Approver"]}]}, **WHY}
    assert (await ask("root", "PUT", POLICY, json=policy, headers=V0)).status_code == 200
    return books


async def waiting(ask: Any, path: str, wish: Any) -> UUID:
    answer = await ask("root", "PUT", path, json=wish, headers=V1)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["change"]["id"])


async def succeeded(world: Any, house: Any, ask: Any, change: UUID) -> None:
    vote = await ask("bob", "POST", f"/approvals/{change}/approve", json=WHY)
    assert vote.status_code == 200, vote.text
    drive = Drive(world.services.store, house.tenant.id, change)
    assert (await drive.admit()).state is State.RUNNING
    await drive.expose()
    assert await drive.succeed() is State.SUCCEEDED


@pytest.mark.req("FP71")
class TestCalendars:
    async def test_ask_nobody_until_a_policy_says_whom(self, ask: Any) -> None:
        told = (await ask("eve", "GET", POLICY)).json()
        assert (told["version"], told["policy"]["levels"]) == (0, [])
        await Books(ask).rule()

    async def test_hold_once_they_are_approved(self, world: Any, house: Any, books: Books) -> None:
        ask = books.ask
        change = await waiting(ask, "/calendars/books", RULE)
        assert (await ask("eve", "GET", "/calendars/books")).json()["version"] == 1
        told = (await ask("eve", "GET", f"/changes/{change}/diff")).json()
        assert told["target"] == {"environment": "production", "kind": "fiscal-calendar", "key": "books"}
        await succeeded(world, house, ask, change)
        now = (await ask("eve", "GET", "/calendars/books")).json()
        assert (now["version"], now["rule"]["start_month"]) == (2, 7)

    async def test_are_taken_back_by_another_change(self, world: Any, house: Any, books: Books) -> None:
        ask = books.ask
        change = await waiting(ask, "/calendars/books", RULE)
        await succeeded(world, house, ask, change)
        answer = await ask("root", "POST", f"/changes/{change}/revert", json=WHY)
        assert answer.status_code == 202, answer.text
        await succeeded(world, house, ask, UUID(answer.json()["submitted"]["change"]["id"]))
        now = (await ask("eve", "GET", "/calendars/books")).json()
        assert (now["version"], now["rule"].get("start_month", 1)) == (3, 1)

    async def test_asked_for_over_an_older_version_are_stale(self, world: Any, house: Any, books: Books) -> None:
        change = await waiting(books.ask, "/calendars/books", RULE)
        await succeeded(world, house, books.ask, change)
        answer = await books.ask("root", "PUT", "/calendars/books", json=RULE, headers=V1)
        assert (answer.status_code, answer.json()["type"]) == (412, "/problems/stale")

    async def test_are_not_approved_by_who_asked(self, books: Books) -> None:
        change = await waiting(books.ask, "/calendars/books", RULE)
        vote = await books.ask("root", "POST", f"/approvals/{change}/approve", json=WHY)
        assert (vote.status_code, vote.json()["type"]) == (403, "/problems/self-approval-forbidden")


@pytest.mark.req("FP71")
class TestBooks:
    async def test_hold_once_they_are_approved(self, world: Any, house: Any, books: Books) -> None:
        ask, wish = books.ask, {"calendar": "books", "late_entries": "sweep", **WHY}
        change = await waiting(ask, "/entities/acme/books", wish)
        assert (await ask("eve", "GET", "/entities/acme/books")).json()["late_entries"] == "reject"
        await succeeded(world, house, ask, change)
        now = await ask("eve", "GET", "/entities/acme/books")
        assert (now.json()["late_entries"], now.headers["ETag"]) == ("sweep", '"v2"')


@pytest.mark.req("ST85")
class TestWhatDrivesACalendar:
    async def test_stays_while_a_period_has_begun(self, ask: Any, define: Any) -> None:
        books = Books(ask)
        await books.rule()
        await books.entity("acme", "UTC")
        await books.years(2026)
        for path, wish in (
            ("/entities/acme/books", {"calendar": "books"}), ("/posting-scopes/AP", {"name": "Payables"})
        ):  # fmt: skip
            answer = await ask("root", "PUT", path, json={**wish, **WHY}, headers=V0)
            assert answer.status_code == 200, answer.text
        await define(key="zone", type="string", default="UTC", drives_calendar="books")
        path, wish = "/settings/zone?environment=production", {"value": "Europe/Berlin", **WHY}
        waits = await ask("ada", "PUT", path, json=wish, headers=V0)
        assert waits.status_code == 202, waits.text
        opened = await ask("root", "POST", "/entities/acme/periods/2026-01/open", json=WHY)
        assert opened.status_code == 200, opened.text
        refused = await ask("ada", "PUT", path, json=wish, headers=V0)
        told = refused.json()
        assert (refused.status_code, told["type"]) == (409, "/problems/calendar-begun")
        assert (told["entity"], told["period"], told["calendar"]) == ("acme", "2026-01", "books")


@pytest.mark.req("FR-SM-030", "FR-SM-031")
class TestBundles:
    async def test_hold_calendars_and_tell_what_an_import_would_add(self, ask: Any) -> None:
        books = Books(ask)
        await books.rule()
        await books.years(2026)
        raw = (await ask("eve", "GET", "/settings-bundles?environment=dev")).json()
        (calendar,) = raw["fiscal_calendars"]
        assert (calendar["code"], [each["number"] for each in calendar["years"]]) == ("books", [2026])
        content = {name: raw[name] for name in raw.keys() - {"checksum", "exported_at", "signature"}}
        content["posting_scopes"] = [{"code": "AP", "name": "Payables"}]
        content["fiscal_calendars"] = [calendar, {**calendar, "entity": "acme"}]
        content["legal_entities"] = [{"code": "acme", "name": "Acme", "time_zone": "UTC"}]
        wish = {"environment": "dev", "bundle": {**content, "checksum": digest_of(content)}, **WHY}
        planned = await ask("root", "POST", "/settings-bundles", json={**wish, "dry_run": True})
        assert planned.status_code == 200, planned.text
        added = [("entity", "acme"), ("scope", "AP"), ("calendar", "acme/books"), ("year", "acme/books/2026")]
        assert [(each["kind"], each["name"]) for each in planned.json()["bookkeeping"]] == added
        assert (await ask("eve", "GET", "/entities/acme")).status_code == 404
        assert (await ask("ada", "POST", "/settings-bundles", json=wish)).status_code == 403
        done = await ask("root", "POST", "/settings-bundles", json=wish)
        assert (done.status_code, done.json()["outcome"]) == (200, "applied")
        found = await ask("eve", "GET", "/calendars/books/periods?on=2026-03-31&entity=acme")
        assert (found.status_code, found.json()["period"]["number"]) == (200, 3)
