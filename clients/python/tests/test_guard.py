"""What the posting guard says in SQL is a refusal of this package, whichever driver carried it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from changegate import Conflict, Invalid, NotAllowed, NotFound, Refused
from changegate.guard import refusal, refusals
from sqlalchemy.exc import DBAPIError

SOURCE = Path(__file__).parents[1] / "src"
ALONE = "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['greenlet'] = None; import changegate.guard"
CLOSED = "Period 'March 2024' is closed and cannot be modified."
FACTS = '{"entity": "acme", "scope": "AP", "epoch": 7}'


class Spoken(Exception):
    """An error of a driver, with what it says as attributes."""

    def __init__(self, **said: object) -> None:
        super().__init__("said")
        for name, value in said.items():
            setattr(self, name, value)


def by_asyncpg(sqlstate: str, message: str = CLOSED, detail: str | None = FACTS) -> DBAPIError:
    raised = Spoken()
    raised.__cause__ = Spoken(sqlstate=sqlstate, message=message, detail=detail)
    return DBAPIError("INSERT", {}, raised)


def by_psycopg(sqlstate: str) -> DBAPIError:
    diag = SimpleNamespace(sqlstate=sqlstate, message_primary=CLOSED, message_detail=FACTS)
    return DBAPIError("INSERT", {}, Spoken(diag=diag))


class TestRefusal:
    @pytest.mark.parametrize("carried", [by_asyncpg, by_psycopg])
    def test_carries_kind_sentence_and_facts(self, carried: Callable[[str], DBAPIError]) -> None:
        told = refusal(carried("FP001"))
        assert isinstance(told, Conflict)
        assert (told.status, told.kind, told.title) == (409, "period-closed", CLOSED)
        assert told.facts == {"entity": "acme", "scope": "AP", "epoch": 7}

    @pytest.mark.parametrize(
        ("sqlstate", "raised", "kind"),
        [
            ("FP004", Conflict, "adjustments-only"),
            ("FP006", NotAllowed, "adjustment-forbidden"),
            ("FP008", NotFound, "no-period"),
            ("FP011", Invalid, "unknown-operation"),
            ("FP012", NotFound, "tenant-not-bound"),
        ],
    )
    def test_is_of_the_class_by_what_to_do_about_it(self, sqlstate: str, raised: type[Refused], kind: str) -> None:
        told = refusal(by_asyncpg(sqlstate))
        assert type(told) is raised
        assert told.kind == kind

    @pytest.mark.parametrize("detail", [None, "", "not json", "[1]"])
    def test_has_no_facts_where_none_were_told(self, detail: str | None) -> None:
        told = refusal(by_asyncpg("FP001", detail=detail))
        assert told is not None
        assert told.facts == {}

    @pytest.mark.parametrize("sqlstate", ["40001", "23505", "FP020", "FP021", ""])
    def test_is_nothing_where_the_guard_did_not_speak(self, sqlstate: str) -> None:
        assert refusal(by_asyncpg(sqlstate)) is None


class TestRefusals:
    def test_lets_a_serialization_failure_pass(self) -> None:
        with pytest.raises(DBAPIError), refusals():
            raise by_asyncpg("40001")

    def test_raises_what_the_backstop_said(self) -> None:
        with pytest.raises(Conflict, match="March 2024"), refusals():
            raise by_asyncpg("FP001")


class TestModule:
    def test_needs_no_greenlet_where_nothing_is_awaited(self) -> None:
        subprocess.run([sys.executable, "-c", ALONE, str(SOURCE)], check=True, timeout=60)
