"""What a page of the terminal does with lines longer than it is wide."""

import io

import pytest
from rich.table import Table

from cli.console import page

NAME = "webhook:" + "far" * 100


def _printed() -> str:
    out = io.StringIO()
    shown = page(out)
    table = Table("dependency", "state", box=None)
    table.add_row(NAME, "open")
    shown.print(table)
    shown.print(f"{NAME} is open")
    return out.getvalue()


class TestPage:
    def test_cuts_and_folds_nothing_that_is_piped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        lines = [line.split() for line in _printed().splitlines()]
        assert lines == [["dependency", "state"], [NAME, "open"], [NAME, "is", "open"]]

    def test_is_as_wide_as_it_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        lines = _printed().splitlines()
        assert len(lines) > 5
        assert max(map(len, lines)) <= 60
