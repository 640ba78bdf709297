"""Whatever the width of the terminal, an id is there to be copied."""

import io
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from cli.voting import list_waiting


def waiting(key: str, **plan: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "change": {"target": {"key": key}, "plan": plan},
        "environment": "production",
        "open_level": 1,
        "levels": [{}, {}],
        "authors": [{"handle": "ada"}],
        "deadline": "2026-03-05T09:00:00.123456Z",
    }


def told(width: int, *items: dict[str, Any]) -> list[str]:
    page = Console(width=width, file=io.StringIO(), highlight=False)
    list_waiting(items, page)
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue().splitlines()


class TestPending:
    @pytest.mark.parametrize("width", [80, 30])
    def test_each_id_stands_whole_on_a_line_of_its_own(self, width: int) -> None:
        items = [waiting("new-checkout"), waiting("k" * 90)]
        lines = told(width, *items)
        assert [line for line in lines if not line.startswith(" ")] == [each["id"] for each in items]

    def test_says_what_is_asked_by_whom_and_until_when(self) -> None:
        _, target, level = told(80, waiting("new-checkout"))
        assert target == "  new-checkout in production, by ada"
        assert level == "  level 1 of 2, until 2026-03-05T09:00:00.123456Z"

    def test_says_when_it_is_to_start(self) -> None:
        assert told(80, waiting("night", apply_at="2026-03-07T22:00:00+00:00"))[3:] == [
            "  starts at 2026-03-07T22:00:00+00:00 at the earliest"
        ]

    def test_says_whom_it_changes_where_contexts_were_sampled(self) -> None:
        item = waiting("night")
        item["impact"] = {"changed": 0, "unchanged": 300, "unknown": 0, "between": [0.0, 0.01], "touched": 1,
                          "flags": [], "segments": [], "hashed": True}  # fmt: skip
        assert told(200, item)[3:] == [
            "  Of 300 sampled contexts none changes: at 95 %, at most 1.0 % of all do.",
            "  It touches 1 flag.",
        ]

    def test_a_key_is_text_and_no_markup(self) -> None:
        assert "  [bold]x[/] in production, by ada" in told(80, waiting("[bold]x[/]"))

    def test_nothing_is_said_to_wait_when_nothing_does(self) -> None:
        assert told(80) == ["Nothing waits for you."]
