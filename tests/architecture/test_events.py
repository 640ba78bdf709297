"""Whatever writes a definition, a value or a flag tells of it in the same transaction."""

import re
from pathlib import Path

import pytest

from tests.architecture.repository import sources

WRITES = re.compile(r"\.put_definition\(|settings\.put\(|flags\.put\(|put_checked\(tx")
TELLS = re.compile(r"await tell_(definition|values|flag)\(")
ELSEWHERE = {"application/definitions.py": "checks and writes for application/flags.py, which tells"}


def writers() -> list[Path]:
    return [path for path in sources("application") if WRITES.search(path.read_text(encoding="utf-8"))]


def name(path: Path) -> str:
    return path.as_posix().partition("application/")[1] + path.as_posix().partition("application/")[2]


class TestWriters:
    @pytest.mark.parametrize("path", writers(), ids=name)
    def test_tell_what_they_wrote(self, path: Path) -> None:
        assert TELLS.search(path.read_text(encoding="utf-8")) or name(path) in ELSEWHERE

    def test_no_exception_outlives_its_reason(self) -> None:
        assert ELSEWHERE.keys() <= {name(path) for path in writers()}
