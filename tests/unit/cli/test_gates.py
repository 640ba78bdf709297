"""What is said of checks that are judged again."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from application.gates.replaying import replayed_check
from cli.gates import show

RECORDS: list[dict[str, Any]] = [
    each["record"] for each in json.loads((Path(__file__).parents[1] / "gates" / "records_of_gates_1.json").read_text())
]


def told(*records: dict[str, Any]) -> list[str]:
    page = Console(width=200, file=io.StringIO(), highlight=False)
    show([replayed_check(number, record) for number, record in enumerate(records, 1)], page)
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue().splitlines()


class TestReplay:
    @pytest.mark.req("S48")
    def test_says_that_every_check_is_the_same(self) -> None:
        lines = told(*RECORDS)
        assert all(line.endswith("the same") for line in lines[:-1])
        assert lines[-1] == f"{len(RECORDS)} of {len(RECORDS)} checks come out bit by bit as they were stored."

    def test_says_where_one_is_not(self) -> None:
        lines = told({**RECORDS[0], "verdict": "pass"}, {**RECORDS[1], "formula": "gates/99"})
        assert lines[0].endswith("pass            differs at /verdict")
        assert lines[1].endswith("differs at /formula")
        assert lines[2].startswith("0 of 2 ")
