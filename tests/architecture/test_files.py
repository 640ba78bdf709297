"""Files are short, named for what is true in them, and every room says what it is for."""

from pathlib import Path

import pytest

from tests.architecture.repository import FOLDERS, ROOMS, ROOT, files, parsed, sources

MOST_LINES = 300
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "managers", "common_utils", "misc"}


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


class TestLength:
    def test_no_module_is_longer_than_300_lines(self) -> None:
        assert {name(path): lines(path) for path in sources() if lines(path) > MOST_LINES} == {}


class TestNames:
    def test_a_module_is_named_for_what_is_true_in_it(self) -> None:
        assert [name(path) for path in sources() if path.stem in NAMELESS] == []

    def test_no_package_marker_stands_under_tests(self) -> None:
        assert [name(path) for path in sources("tests") if path.name == "__init__.py"] == []

    def test_every_module_begins_with_its_sentence(self) -> None:
        spoken = [path for path in sources(*ROOMS, "benchmarks", "examples", "docs") if path.name != "__init__.py"]
        assert [name(path) for path in spoken if not sentence(path)] == []


class TestRooms:
    @pytest.mark.parametrize("room", FOLDERS)
    def test_a_readme_of_at_most_twenty_lines_says_what_it_is_for(self, room: str) -> None:
        readme = ROOT / room / "README.md"
        assert readme.exists()
        assert lines(readme) <= 20

    def test_every_folder_at_the_top_is_a_room(self) -> None:
        tops = {path.relative_to(ROOT).parts[0] for path in files() if len(path.relative_to(ROOT).parts) > 1}
        assert {top for top in tops if not top.startswith(".")} - set(FOLDERS) <= {"requirements", "clients"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sentence(path: Path) -> str:
    body = parsed(path).body
    first = body[0] if body else None
    value = getattr(getattr(first, "value", None), "value", "")
    return value if isinstance(value, str) else ""
