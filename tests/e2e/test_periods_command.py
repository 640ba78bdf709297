"""Periods and calendars from the terminal, at a real API."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.postgres.store import PostgresStore
from application.periods.places import period_called
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WHY = ("--reason", "because of the test")


@pytest.fixture
async def books(provider: Provider, house: House) -> None:
    """Of an entity that posts to payables and the general ledger, by calendar months."""
    async with provider.as_root(house) as http:
        for path, wish in (
            ("/entities/acme", {"name": "Acme", "time_zone": "UTC"}),
            ("/calendars/books", {"rule": {"kind": "gregorian"}}),
            ("/posting-scopes/AP", {"name": "Payables"}),
            ("/posting-scopes/GL", {"name": "Ledger", "ledger": True}),
            ("/entities/acme/books", {"calendar": "books"}),
        ):
            answer = await http.put(path, json={**wish, "reason": "because of the test"})
            assert answer.is_success, answer.text


@pytest.fixture
async def made(books: None, say: Say) -> str:
    code, said = await say("root", "calendars", "make", "books", "2025", *WHY)
    assert code == 0, said
    return said


@pytest.mark.req("FR-SM-020", "FR-SM-021")
class TestCalendars:
    async def test_are_made_and_shown_year_by_year(self, made: str, say: Say) -> None:
        assert made.splitlines()[0] == "FY2025: 2025-01-01 to 2025-12-31, 365 days"
        assert made.splitlines()[-1] == "made"
        again = await say("root", "calendars", "make", "books", "2025", *WHY)
        assert again == (0, made.replace("\nmade\n", "\nit was there already\n"))
        _, shown = await say("eve", "calendars", "show", "books", "2025")
        assert shown == made.removesuffix("made\n")
        _, rule = await say("eve", "calendars", "show", "books")
        assert rule.splitlines()[0] == "books, version 1, from 1900"

    async def test_are_tried_before_they_are_written(self, books: None, say: Say, tmp_path: Path) -> None:
        rule = tmp_path / "rule.json"
        rule.write_text('{"kind": "gregorian", "start_month": 7}')
        code, said = await say("eve", "calendars", "draft", str(rule), "2025")
        assert (code, said.splitlines()[0]) == (0, "FY2025: 2024-07-01 to 2025-06-30, 365 days")
        rule.write_text("no rule")
        code, _ = await say("eve", "calendars", "draft", str(rule), "2025")
        assert code == 2


@pytest.mark.req("FR-SM-020", "FP71")
class TestRules:
    async def test_are_written_and_wait_once_somebody_is_asked(
        self, provider: Provider, house: House, say: Say, tmp_path: Path
    ) -> None:
        file = tmp_path / "rule.json"
        file.write_text('{"kind": "gregorian"}')
        code, said = await say("root", "calendars", "rule", "months", str(file), *WHY)
        assert (code, said.splitlines()[0]) == (0, "months, version 1, from 1900")
        async with provider.as_root(house) as http:
            policy = {"policy": {"levels": [{"roles": ["Approver"]}]}, "reason": "because of the test"}
            answer = await http.put("/policies/production?kind=fiscal-calendar", json=policy)
            assert answer.is_success, answer.text
        file.write_text('{"kind": "gregorian", "start_month": 7}')
        code, said = await say("root", "calendars", "rule", "months", str(file), "--over", "1", *WHY)
        assert (code, said.startswith("waits for approval, as change ")) == (0, True)
        change = said.split()[-1]
        code, said = await say("bob", "vote", change, "approve", *WHY)
        assert code == 0, said


@pytest.mark.req("FR-SM-022", "FR-SM-042")
class TestPeriods:
    async def test_are_opened_held_back_and_listed(self, made: str, say: Say) -> None:
        code, said = await say("root", "periods", "open", "acme", "2025", *WHY)
        assert (code, _row(said, "2025-03")) == (0, ["2025-03", "2025-03-01", "2025-03-31", "open", "open"])
        code, said = await say("root", "periods", "soft-close", "acme", "2025-03", "--scope", "AP", *WHY)
        assert (code, _row(said, "AP")[:4]) == (0, ["AP", "soft-closed", "epoch", "2"])
        _, listed = await say("eve", "periods", "list", "acme", "--year", "2025")
        assert _row(listed, "2025-03")[3:] == ["soft-closed", "open"]
        _, said = await say("root", "periods", "unlock", "acme", "2025-03", *WHY)
        assert _row(said, "AP")[1] == "open"

    async def test_answer_whether_something_may_be_posted(self, made: str, say: Say) -> None:
        await say("root", "periods", "open", "acme", "2025-03", *WHY)
        code, said = await say("eve", "periods", "check", "acme", "AP", "2025-03-31")
        assert (code, said) == (0, "This transaction may be posted on 2025-03-31, in FY2025 P03 at epoch 1.\n")
        code, said = await say("eve", "periods", "check", "acme", "AP", "2025-02-28")
        assert (code, said.splitlines()) == (2, [
            "Period 'FY2025 P02' is not open yet. (period-pending)", "The next day that takes it is 2025-03-01.",
        ])  # fmt: skip

    async def test_are_locked_once_they_are_closed(
        self, made: str, say: Say, store: PostgresStore, house: House
    ) -> None:  # fmt: skip
        await say("root", "periods", "open", "acme", "2025-03", *WHY)
        code, said = await say("root", "periods", "lock", "acme", "2025-03", *WHY)
        assert (code, "not-all-closed" in said) == (1, True)
        async with store.transaction(house.id) as tx:
            place = await period_called(tx, "acme", "2025-03")
            held = await tx.periods.hold([place.key("AP"), place.key("GL")])
            await tx.periods.move([held[key].closed(None, tx.now, "closed") for key in sorted(held)])
        _, said = await say("root", "periods", "lock", "acme", "2025-03", *WHY)
        assert [_row(said, scope)[1] for scope in ("AP", "GL")] == ["locked", "locked"]

    async def test_let_somebody_in_for_a_while(self, made: str, say: Say) -> None:
        await say("root", "periods", "open", "acme", "2025-03", *WHY)
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        code, said = await say("root", "periods", "except", "acme", "2025-03", "--scope", "AP", "--person", "ada",
                               "--operation", "adjustment", "--until", until, *WHY)  # fmt: skip
        found = re.match(r"(\S+) lets ada post adjustment to AP in 2025-03 until ", said)
        assert found, said
        code, said = await say("root", "periods", "revoke", found[1], *WHY)
        assert (code, said) == (0, f"{found[1]} is revoked; it let 0 in.\n")


def _row(said: str, name: str) -> list[str]:
    return next(line.split() for line in said.splitlines() if line.startswith(name))
