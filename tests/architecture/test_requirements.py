"""A test names only requirements that the project has written down."""

import ast
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, parsed, sources
from tests.requirements_plugin import known, table


def named(path: Path) -> set[str]:
    """Ids in `@pytest.mark.req(...)`, `pytest.mark.req(...)` in a list of marks included."""
    calls = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call))
    marks = (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "req")
    return {str(argument.value) for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}


class TestRequirements:
    @pytest.mark.parametrize("path", [p for p in sources("tests") if named(p)], ids=lambda p: str(p.relative_to(ROOT)))
    def test_every_named_id_is_written_down(self, path: Path) -> None:
        assert named(path) - known().keys() == set()

    def test_the_table_shows_proof_gap_and_stranger(self) -> None:
        lines = table({"S1": "One.", "S2": "Two."}, {"S1": ["tests/test_x.py::test_one"], "S9": ["tests/test_x.py::y"]})
        assert lines[1].strip() == "tests/test_x.py::test_one"
        assert "Proven by nothing: S2" in lines
        assert lines[-1] == "Named by tests and not in docs/requirements.md: S9"

    def test_a_row_is_an_id_and_a_sentence(self) -> None:
        assert known("| id | requirement |\n| --- | --- |\n| FR-SM-010 | A flag. |\n") == {"FR-SM-010": "A flag."}
