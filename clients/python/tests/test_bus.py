"""What is sent over the bus is known by its content, and what the database says no to is a refusal of this package."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from changegate import Conflict, Invalid, NotAllowed
from changegate.bus import Command, OnUnique, reply_by_command, reply_by_webhook, send, send_many
from changegate.bus import fingerprint as digest
from sqlalchemy.exc import DBAPIError

SOURCE = Path(__file__).parents[1] / "src"
ALONE = "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['greenlet'] = None; import changegate.bus"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOURNAL = Command("ledger.post-journal", "42", {"entry": 7, "note": "é"}, not_before=NOON)
SCHEMA = '{"type": "object", "properties": {"a/b": {"type": "integer"}}}'
WHO = {"tenant": uuid4(), "actor": uuid4()}


class Database:
    """A session on which the schemas of types are asked for first, and then something is sent."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def execute(self, *_asked: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def row(**said: Any) -> SimpleNamespace:
    usual = {"n": 0, "replayed": False, "differs": None, "correlation": None, "state": "pending", "parked": None,
             "attempt": 0, "result": None, "id": "42", "taken": None, "coalesced": False, "purged": False}  # fmt: skip
    return SimpleNamespace(**{**usual, **said})


def spoken(sqlstate: str, detail: str = "{}") -> DBAPIError:
    diag = SimpleNamespace(sqlstate=sqlstate, message_primary="no", message_detail=detail)
    original = Exception("said")
    original.diag = diag  # type: ignore[attr-defined]  # as psycopg has it
    return DBAPIError("SELECT", {}, original)


class TestFingerprint:
    def test_is_of_the_content_however_it_is_written(self) -> None:
        east = NOON.astimezone(timezone(timedelta(hours=5)))
        same = replace(
            JOURNAL, payload={"note": "é", "entry": 7.0}, not_before=east, correlation=uuid4(), causation="a/1"
        )
        assert digest(replace(same, alone=True)) == digest(JOURNAL)
        assert digest(replace(JOURNAL, priority=6)) != digest(JOURNAL)

    def test_is_of_whose_books_and_when_where_it_posts(self) -> None:
        posts = replace(JOURNAL, entity="de", effective_date=date(2026, 3, 31))
        others = [JOURNAL, replace(posts, entity="fr"), replace(posts, effective_date=date(2026, 4, 1))]
        assert digest(posts) not in map(digest, others)

    def test_is_of_who_is_told_and_of_the_unique_key_where_there_are_any(self) -> None:
        keyed = replace(JOURNAL, unique_key="rates")
        others = [
            JOURNAL, keyed, replace(keyed, on_unique=OnUnique.REPLACE),
            replace(JOURNAL, reply_to=reply_by_webhook("crm")),
            replace(JOURNAL, reply_to=reply_by_command("sales.note-answer", "a-")),
        ]  # fmt: skip
        assert len(set(map(digest, others))) == len(others)

    def test_needs_to_know_where_a_clock_stands(self) -> None:
        with pytest.raises(ValueError, match="offset"):
            digest(replace(JOURNAL, not_before=NOON.replace(tzinfo=None)))


class TestSending:
    def test_says_what_has_become_of_it(self) -> None:
        session: Any = Database([], [row(replayed=True, state="completed", result={"entry": 9}, attempt=1)])
        sent = send(session, JOURNAL, **WHO)
        assert (sent.replayed, sent.state, sent.result, sent.attempt) == (True, "completed", {"entry": 9}, 1)

    def test_names_what_is_wrong_in_a_payload_before_it_sends(self) -> None:
        schemas = [SimpleNamespace(type=JOURNAL.type, schema_version=1, schema=SCHEMA)]
        session: Any = Database(schemas)
        with pytest.raises(Invalid) as refused:
            send_many(session, [JOURNAL, replace(JOURNAL, payload={"a/b": "4711"})], **WHO)
        ((path, message),) = [(each.path, each.message) for each in refused.value.faults]
        assert path == "/commands/1/payload/a~1b"
        assert "4711" not in message

    def test_raises_a_conflict_by_what_the_database_answers(self) -> None:
        session: Any = Database([], [row(n=1, differs=["payload"])])
        with pytest.raises(Conflict) as refused:
            send_many(session, [JOURNAL, JOURNAL], **WHO)
        assert refused.value.facts["at"] == "/commands/1"

    def test_raises_a_conflict_where_another_has_its_key(self) -> None:
        session: Any = Database([], [row(taken="ledger/41", state="running")])
        with pytest.raises(Conflict) as refused:
            send(session, replace(JOURNAL, unique_key="rates"), **WHO)
        assert (refused.value.kind, refused.value.facts) == ("unique-key-taken", {
            "command": "ledger/41", "at": "/commands/0", "state": "running", "unique_key": "rates",
        })  # fmt: skip

    def test_raises_what_the_database_refuses(self) -> None:
        session: Any = Database([], spoken("CB403", '{"permission": "commands.send"}'))
        with pytest.raises(NotAllowed) as refused:
            send(session, JOURNAL, **WHO)
        assert (refused.value.kind, refused.value.facts) == ("permission-missing", {"permission": "commands.send"})
        closed: Any = Database([], spoken("CB403", '{"kind": "tenant-suspended"}'))
        with pytest.raises(NotAllowed) as refused:
            send(closed, replace(JOURNAL, alone=True), **WHO)
        assert (refused.value.kind, refused.value.facts) == ("tenant-suspended", {})
        other: Any = Database(spoken("40001"))
        with pytest.raises(DBAPIError):
            send(other, JOURNAL, **WHO)


def test_imports_where_nobody_awaits() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE, str(SOURCE)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
