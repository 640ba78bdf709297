"""A close from the terminal, at a real API: tried, begun, worked on, watched to its end."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.postgres.store import PostgresStore
from application.closures.closing import Closing
from application.closures.freezing import Freezing
from application.closures.prechecking import Prechecking
from application.closures.stand import RunStep
from application.closures.validating import Validating
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WHY = {"reason": "because of the test"}
REASON = ("--reason", "because of the test")


@pytest.fixture
async def books(provider: Provider, house: House) -> None:
    """January of 2025 is open; who closes it has one task, of root's own."""
    task = {"key": "cut-off", "name": "Stop the mail", "owner": str(house.root.id)}
    async with provider.as_root(house) as http:
        for method, path, wish in (
            ("PUT", "/entities/kit", {"name": "Kit", "time_zone": "UTC"}),
            ("PUT", "/calendars/books", {"rule": {"kind": "gregorian"}}),
            ("POST", "/calendars/books/years/2025", {}),
            ("PUT", "/posting-scopes/GL", {"name": "Ledger", "ledger": True}),
            ("PUT", "/entities/kit/books", {"calendar": "books"}),
            ("POST", "/entities/kit/periods/2025-01/open", {}),
            ("PUT", "/closure-templates/monthly", {"tasks": [task]}),
        ):
            answer = await http.request(method, path, json={**wish, **WHY})
            assert answer.is_success, answer.text


async def frozen(store: PostgresStore, house: House, close: str) -> None:
    """What the workflow does first."""
    await Prechecking(store).precheck(step(house, close, "1:precheck"))
    await Freezing(store).freeze(step(house, close, "2:freeze"))
    await Freezing(store).frozen(step(house, close, "3:frozen"))


async def checked(store: PostgresStore, house: House, close: str) -> RunStep:
    """What it does when the last task is done; the step that comes next."""
    await Validating(store).validate(step(house, close, "4:validate"))
    return step(house, close, "5:ask")


def step(house: House, close: str, name: str) -> RunStep:
    return RunStep(house.id, UUID(close), name, datetime.now(UTC))


class TestClose:
    async def test_a_dry_run_names_every_check(self, books: None, say: Say) -> None:
        code, said = await say("eve", "close", "dry-run", "kit", "2025-01")
        assert code == 0, said
        assert "trial-balance" in said
        assert said.splitlines()[-1] == "0 checks would be in the way."

    async def test_is_begun_worked_on_and_watched_to_its_end(
        self, books: None, say: Say, store: PostgresStore, house: House
    ) -> None:
        code, said = await say("root", "close", "start", "kit", "2025-01", "--template", "monthly", *REASON)
        assert code == 0, said
        close = said.strip()
        await frozen(store, house, close)
        code, said = await say("eve", "close", "watch", close, "--until", "TASKS")
        assert (code, said.splitlines()[-1]) == (0, "  to do: cut-off (root)"), said
        code, said = await say("eve", "close", "task", "complete", close, "cut-off")
        assert (code, "403" in said) == (1, True)
        code, said = await say("root", "close", "task", "complete", close, "cut-off")
        assert (code, said.splitlines()[:2]) == (0, ["kit 2025-01 (hard): TASKS", "  cut-off                  done"])
        code, said = await say("root", "close", "abort", close, *REASON)
        assert (code, said.splitlines()[0]) == (0, "kit 2025-01 (hard): ABORTED")
        code, said = await say("eve", "close", "watch", close)
        assert (code, "FREEZING" in said, "ABORTED" in said) == (3, True, True), said

    async def test_is_proven_by_its_certificate(
        self, books: None, say: Say, store: PostgresStore, house: House
    ) -> None:  # fmt: skip
        asked = ("close", "certificate", "kit", "2025-01", "--verify")
        assert await say("eve", *asked) == (1, "kit 2025-01 has no certificate.\n")
        code, said = await say("root", "close", "start", "kit", "2025-01", *REASON)
        assert code == 0, said
        close = said.strip()
        await frozen(store, house, close)
        asking = await Validating(store).ask(await checked(store, house, close))
        assert asking.asked is not None
        for handle in ("bob", "cyd"):
            code, said = await say(handle, "vote", str(asking.asked.approval), "approve")
            assert code == 0, said
        await Closing(store).close(step(house, close, "6:close"))
        code, said = await say("eve", *asked)
        assert code == 0, said
        assert "certificate 1  hard close of GL" in said
        assert said.splitlines()[-2:] == ["  every one is what was issued", "  the books are as the last one says"]
        code, said = await say("eve", *asked, "--json")
        told = json.loads(said)
        assert (code, told["intact"], told["since"], len(told["items"])) == (0, True, [], 1)
