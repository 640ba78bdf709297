"""A message is added in the caller's own transaction: it is there when that commits, and only then."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from temporal_outbox.messages import Message, fingerprint, key_of, lane_of, workflow_of, written

if TYPE_CHECKING:  # whoever does not await has no need of greenlet, without which it does not import
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_ADD: Final = """
INSERT INTO temporal_outbox (namespace, key, workflow_id, lane, message, fingerprint, due_at)
SELECT :namespace, m.key, m.workflow_id, m.lane, m.message, m.fingerprint,
       coalesce(to_timestamp(CAST(m.message ->> 'not_before' AS double precision)), now())
  FROM jsonb_to_recordset(CAST(:messages AS jsonb))
    AS m (n int, key text, workflow_id text, lane text, message jsonb, fingerprint text)
 ORDER BY m.n
    ON CONFLICT (namespace, key) DO NOTHING RETURNING key
"""
_THERE: Final = """
SELECT key, fingerprint, state FROM temporal_outbox
 WHERE namespace = :namespace AND key IN (SELECT jsonb_array_elements_text(CAST(:keys AS jsonb)))
"""
_RETRY: Final = """
UPDATE temporal_outbox SET state = 'waiting', due_at = now(), attempts = 0, lease = NULL, ended_at = NULL, reason = NULL
 WHERE namespace = :namespace AND state = 'aside' AND key IN (SELECT jsonb_array_elements_text(CAST(:keys AS jsonb)))
RETURNING key
"""


class Conflict(Exception):
    """Another message was added under this key; nothing was added now, and the transaction goes on."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True)
class Added:
    """`state` is waiting, passed or aside; `again` when it was added before."""

    key: str
    state: str = "waiting"
    again: bool = False


@dataclass(frozen=True)
class Outbox:
    """A table, found by the search path, whose messages are for one namespace of Temporal."""

    table: str = "temporal_outbox"
    namespace: str = "default"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.table):
            raise ValueError("a table is named by at most 40 of a-z, 0-9 and _")

    def ddl(self) -> tuple[str, ...]:
        """Statements that make the table and what belongs to it, where they are not there; PostgreSQL 14 or newer."""
        found = self.named(files("temporal_outbox").joinpath("temporal_outbox.sql").read_text(encoding="utf-8"))
        return tuple(each.strip() for each in found.split("\n\n") if not each.startswith("--") or "CREATE" in each)

    def create(self, connection: Connection) -> None:
        for each in self.ddl():
            connection.exec_driver_sql(each)

    def add(self, connection: Connection | Session, *messages: Message) -> list[Added]:
        """All of them or none, in the caller's transaction, which is never committed here.

        Raises `Conflict` where one says something else than what was added under its key before. It waits for whoever
        is adding the same now.
        """
        if len({key_of(each): fingerprint(each) for each in messages}) < len(messages):
            raise ValueError("two messages have one key")
        opened = connection.connection() if isinstance(connection, Session) else connection
        if len(messages) < 2:  # noqa: PLR2004 -- one is added, or it is not
            return self._added(opened, messages)
        with opened.begin_nested():
            return self._added(opened, messages)

    async def add_async(self, connection: "AsyncConnection | AsyncSession", *messages: Message) -> list[Added]:
        """As `add`."""
        return await connection.run_sync(self.add, *messages)

    def retry(self, connection: Connection | Session, *keys: str) -> list[str]:
        """What was set aside waits again, as if it had just been added; which of these were."""
        asked = {"namespace": self.namespace, "keys": json.dumps(keys)}
        return list(connection.execute(text(self.named(_RETRY)), asked).scalars())

    def named(self, words: str) -> str:
        """SQL over the table of this name."""
        return words.replace("temporal_outbox", self.table)

    def _added(self, connection: Connection, messages: Sequence[Message]) -> list[Added]:
        told: dict[str, Added] = {}
        prints = {key_of(each): fingerprint(each) for each in messages}
        # What was there may have been removed before it was looked at; then it is not there, and is added.
        while missing := [each for each in messages if key_of(each) not in told]:
            told |= {key: Added(key) for key in connection.execute(*self._put(missing)).scalars()}
            others = json.dumps([key for key in prints if key not in told])
            asked = {"namespace": self.namespace, "keys": others}
            for key, found, state in connection.execute(text(self.named(_THERE)), asked) if others != "[]" else ():
                if found != prints[key]:
                    raise Conflict(key)
                told[key] = Added(key, state, again=True)
        return [told[key] for key in prints]

    def _put(self, messages: Sequence[Message]) -> tuple[TextClause, dict[str, str]]:
        rows = [
            {
                "n": number,
                "key": key_of(each),
                "workflow_id": workflow_of(each),
                "lane": lane_of(each),
                "message": written(each),
                "fingerprint": fingerprint(each),
            }
            for number, each in enumerate(messages)
        ]
        return text(self.named(_ADD)), {"namespace": self.namespace, "messages": json.dumps(rows, allow_nan=False)}
