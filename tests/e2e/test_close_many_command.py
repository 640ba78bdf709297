"""Many closes from the terminal, at a real API: tried, begun by one command, shown, aborted."""

from typing import Any

import pytest

from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WHY = {"reason": "because of the test"}
REASON = ("--reason", "because of the test")


@pytest.fixture
async def books(provider: Provider, house: House) -> None:
    """January and February of 2025 are open in kit and in sub."""
    wishes: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", "/calendars/books", {"rule": {"kind": "gregorian"}}),
        ("POST", "/calendars/books/years/2025", {}),
        ("PUT", "/posting-scopes/GL", {"name": "Ledger", "ledger": True, "sequential": True}),
    ]
    for entity in ("kit", "sub"):
        wishes += [
            ("PUT", f"/entities/{entity}", {"name": entity, "time_zone": "UTC"}),
            ("PUT", f"/entities/{entity}/books", {"calendar": "books"}),
            ("POST", f"/entities/{entity}/periods/2025-01/open", {}),
            ("POST", f"/entities/{entity}/periods/2025-02/open", {}),
        ]
    async with provider.as_root(house) as http:
        for method, path, wish in wishes:
            answer = await http.request(method, path, json={**wish, **WHY})
            assert answer.is_success, answer.text


class TestGroup:
    async def test_closes_a_period_of_several_entities_and_the_parent_last(self, books: None, say: Say) -> None:
        code, said = await say("root", "close", "group", "2025-01", "sub", "kit", "--last", "kit", *REASON, "--dry-run")
        assert (code, said.splitlines()) == (0, ["  sub 2025-01      ok", "  kit 2025-01      ok"]), said
        code, said = await say("root", "close", "group", "2025-01", "sub", "kit", "--last", "kit", *REASON)
        assert code == 0, said
        code, shown = await say("eve", "close", "series", "show", said.strip())
        assert (code, shown.splitlines()) == (
            0, ["RUNNING: asked", "  sub 2025-01      waiting", "  kit 2025-01      waiting"],
        ), shown  # fmt: skip


class TestThrough:
    async def test_closes_every_period_up_to_one_and_is_aborted(self, books: None, say: Say) -> None:
        code, said = await say("eve", "close", "through", "kit", "2025-03", *REASON, "--dry-run")
        assert (code, said.splitlines()[-1]) == (2, "  kit 2025-03      in the way: period-pending"), said
        code, said = await say("root", "close", "through", "kit", "2025-02", *REASON)
        assert code == 0, said
        series = said.strip()
        code, said = await say("eve", "close", "series", "abort", series, *REASON)
        assert (code, "403" in said) == (1, True)
        code, said = await say("root", "close", "series", "abort", series, *REASON)
        assert (code, said.splitlines()[0]) == (0, "ABORTED: aborted"), said
        code, said = await say("eve", "close", "series", "watch", series)
        assert (code, said.splitlines()[-1]) == (3, "ABORTED: aborted"), said
        code, said = await say("root", "close", "series", "resume", series, *REASON)
        assert (code, "closure-series-over" in said) == (1, True), said
