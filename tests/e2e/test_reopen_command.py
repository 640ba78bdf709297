"""A reopening from the terminal, at a real API: asked for, voted on, followed, shut."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.postgres.store import PostgresStore
from application.periods.places import period_called
from application.reopenings.opening import Opening
from application.reopenings.stand import ReopenStep
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names
from tests.e2e.test_close_command import REASON, books  # noqa: F401 -- a fixture is found by its name

PLACE = ("kit", "2025-01")


@pytest.fixture
async def closed(books: None, store: PostgresStore, house: House) -> None:  # noqa: F811 -- the fixture
    """January of 2025."""
    async with store.transaction(house.tenant.id) as tx:
        key = (await period_called(tx, *PLACE)).key("GL")
        gate = (await tx.periods.hold([key]))[key]
        await tx.periods.move([gate.closed(house.root.id, tx.now, "because of the test")])


def wish(*more: str) -> tuple[str, ...]:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    why = "the auditors asked for this entry"
    return ("close", "reopen", *PLACE, "--reason", "tax", "--justification", why, "--until", until, *more)


class TestReopen:
    async def test_is_asked_for_followed_and_shut(
        self, closed: None, say: Say, store: PostgresStore, house: House
    ) -> None:  # fmt: skip
        code, said = await say("root", *wish("--most-entries", "3"))
        assert code == 0, said
        reopening = said.strip()
        code, said = await say("root", "close", "reopening", "show", reopening)
        assert (code, said.splitlines()[0]) == (0, "kit 2025-01 (tax): ASKED: asked")
        approval = said.splitlines()[1].rpartition(" ")[2]
        for handle in ("bob", "cyd"):
            code, said = await say(handle, "vote", approval, "approve")
            assert code == 0, said
        await Opening(store).open(ReopenStep(house.tenant.id, UUID(reopening)))
        code, said = await say("eve", "close", "reopening", "watch", reopening, "--until", "OPEN")
        assert (code, said.splitlines()[0]) == (0, "OPEN: approved")
        assert (said.splitlines()[1][:11], said.splitlines()[2]) == ("  GL until ", "  0 of 3 entries")
        code, said = await say("eve", "close", "reopenings", *PLACE)
        assert (code, said.split()[0], said.strip()[-14:]) == (0, reopening, "OPEN: approved")
        code, said = await say("root", "close", "reopening", "withdraw", reopening, *REASON)
        assert (code, said.splitlines()[0]) == (0, "kit 2025-01 (tax): SHUT: shut early")

    async def test_withdrawn_it_ends_with_its_own_code(self, closed: None, say: Say) -> None:
        _, said = await say("root", *wish())
        reopening = said.strip()
        code, said = await say("eve", "close", "reopening", "withdraw", reopening, *REASON)
        assert (code, "403" in said) == (1, True)
        code, said = await say("root", "close", "reopening", "withdraw", reopening, *REASON)
        assert code == 0, said
        assert await say("eve", "close", "reopening", "watch", reopening) == (3, "ABORTED: withdrawn\n")

    async def test_what_is_wrong_with_it_is_said(self, closed: None, say: Say) -> None:
        code, said = await say("root", *wish("--most-entries", "0"))
        assert (code, "422" in said, "/most_entries" in said) == (1, True, True), said
