"""A relay leases messages of the outbox table for a while, and writes what became of each."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from temporal_outbox.events import Event, Passed, Postponed, SetAside, Tell
from temporal_outbox.messages import read
from temporal_outbox.passing import More, Passing
from temporal_outbox.relay import PACE, Away, Due, Pace
from temporal_outbox.table import Outbox
from temporal_outbox.verdicts import Verdict, judged

# From lane to lane by the index, however much lies in one.
_LANES: Final = """
WITH RECURSIVE found (lane) AS (
  (SELECT o.lane FROM temporal_outbox o WHERE o.namespace = :namespace AND o.state = 'waiting' ORDER BY o.lane LIMIT 1)
  UNION ALL
  SELECT (SELECT o.lane FROM temporal_outbox o
           WHERE o.namespace = :namespace AND o.state = 'waiting' AND o.lane > f.lane ORDER BY o.lane LIMIT 1)
    FROM found f WHERE f.lane IS NOT NULL)
SELECT f.lane FROM found f
 WHERE EXISTS (SELECT FROM temporal_outbox o
                WHERE o.namespace = :namespace AND o.lane = f.lane AND o.state = 'waiting' AND o.due_at <= now())
 ORDER BY random()
"""
# Of one workflow only the oldest: a signal follows the start that was added before it.
_LEASE: Final = """
WITH taken AS MATERIALIZED (
  SELECT m.position FROM temporal_outbox m
   WHERE m.namespace = :namespace AND m.lane = :lane AND m.state = 'waiting' AND m.due_at <= now()
     AND NOT EXISTS (SELECT FROM temporal_outbox e
                      WHERE e.namespace = m.namespace AND e.workflow_id = m.workflow_id AND e.state = 'waiting'
                        AND e.position < m.position)
   ORDER BY m.due_at, m.position LIMIT :most FOR UPDATE OF m SKIP LOCKED)
UPDATE temporal_outbox o
   SET lease = :lease, due_at = now() + make_interval(secs => :seconds), attempts = o.attempts + 1
  FROM taken t WHERE o.position = t.position
RETURNING o.position, o.key, CAST(o.message AS text) AS message, o.attempts,
          CAST(extract(epoch FROM now() - o.added_at) AS double precision) AS age
"""
_SETTLE: Final = """
UPDATE temporal_outbox o
   SET state = s.state, reason = s.reason, lease = NULL,
       ended_at = CASE WHEN s.state <> 'waiting' THEN now() END, due_at = now() + make_interval(secs => s.pause)
  FROM jsonb_to_recordset(CAST(:settled AS jsonb)) AS s (position bigint, state text, reason text, pause float8)
 WHERE o.position = s.position AND o.lease = :lease AND o.state = 'waiting'
"""
_GIVE_BACK: Final = """
UPDATE temporal_outbox SET lease = NULL, due_at = now(), attempts = attempts - 1
 WHERE position IN (SELECT CAST(jsonb_array_elements_text(CAST(:positions AS jsonb)) AS bigint))
   AND lease = :lease AND state = 'waiting'
"""
_LISTEN: Final = """
INSERT INTO temporal_outbox_listener AS l (namespace, until)
VALUES (:namespace, now() + make_interval(secs => :seconds))
    ON CONFLICT (namespace) DO UPDATE SET until = greatest(l.until, EXCLUDED.until)
"""
REMOVED: Final = 1000
"""Old messages that are removed in one look; where there are more, the next look removes more."""
_REMOVE: Final = """
DELETE FROM temporal_outbox WHERE position IN (
  SELECT position FROM temporal_outbox
   WHERE namespace = :namespace AND state = 'passed' AND ended_at < now() - make_interval(secs => :seconds)
   ORDER BY ended_at LIMIT :most FOR UPDATE SKIP LOCKED)
"""
_GONE: Final = ("08", "53", "57")
"""SQLSTATE classes: no connection, no room, and the server is being stopped or started."""


@dataclass(frozen=True)
class Config:
    """A lease of at most `most` messages `lasts`; what was passed on is kept, and known again, while it `keeps`.

    What Temporal has no answer to is tried again after `pause`, each time twice as long up to `longest_pause`, and set
    aside after `attempts`. `more` is what else starts are told. `clock` gives seconds, from whenever: by it old
    messages are removed each time that `removes` has passed; leases and pauses end by the clock of the database.
    """

    most: int = 100
    lasts: timedelta = timedelta(seconds=60)
    keeps: timedelta = timedelta(days=7)
    removes: timedelta = timedelta(minutes=1)
    pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(minutes=5)
    attempts: int = 20
    more: More | None = None
    pace: Pace = PACE
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Waiting:
    """`message` as JSON, `age` in seconds since it was added; `attempt` counts from one."""

    position: int
    key: str
    message: str
    attempt: int
    age: float


@dataclass(frozen=True)
class Batch:
    lease: UUID
    lane: str
    messages: tuple[Waiting, ...]

    def __len__(self) -> int:
        return len(self.messages)


@asynccontextmanager
async def reached() -> AsyncIterator[None]:
    """That PostgreSQL is not there, or has no room, is Away; anything else that it says is a defect."""
    try:
        yield
    except (OSError, TimeoutError, PoolTimeout) as error:
        raise Away(f"PostgreSQL: {error}") from error
    except Exception as error:
        cause: Any = getattr(error, "orig", None) or error
        state = str(getattr(cause, "sqlstate", None) or "")
        lost = isinstance(error, DBAPIError) and (error.connection_invalidated or not state)
        if lost or state.startswith(_GONE):
            raise Away(f"PostgreSQL: {error}") from error
        raise


class OutboxSource:
    """Answers `relay.Source`: each lane is a task queue, and signals without a start have one of their own."""

    def __init__(
        self,
        engine: AsyncEngine,
        passing: Passing,
        outbox: Outbox,
        config: Config,
        tell: Tell,
    ) -> None:
        self._engine = engine
        self._passing = passing
        self._outbox = outbox
        self._config = config
        self._tell = tell
        self._removed = float("-inf")

    async def due(self) -> Due[str]:
        async with self._transaction() as connection:
            if self._config.clock() - self._removed >= self._config.removes.total_seconds():
                seconds = self._config.keeps.total_seconds()
                asked = {"namespace": self._outbox.namespace, "seconds": seconds, "most": REMOVED}
                removed = await connection.execute(self._sql(_REMOVE), asked)
                if removed.rowcount < REMOVED:
                    self._removed = self._config.clock()
            found = await connection.execute(self._sql(_LANES), {"namespace": self._outbox.namespace})
            return Due(list(found.scalars()))

    async def reach(self) -> None:
        await self._passing.reach()

    async def lease(self, lane: str, busy: Counter[Hashable]) -> AsyncGenerator[Batch]:  # noqa: ARG002 -- one is soon over
        """One, so that each lane has its turn."""
        lease, seconds = uuid4(), self._config.lasts.total_seconds()
        asked = {"lane": lane, "most": self._config.most, "lease": lease, "seconds": seconds}
        async with self._transaction() as connection:
            rows = (await connection.execute(self._sql(_LEASE), {**asked, "namespace": self._outbox.namespace})).all()
        if rows:
            yield Batch(lease, lane, tuple(Waiting(*row) for row in rows))

    def counts(self, lease: Batch) -> Collection[Hashable]:
        return (lease.lane,)

    def counts_slow(self, lease: Batch) -> Collection[Hashable]:
        return self.counts(lease)

    async def begin(self, lease: Batch) -> None:
        """Passes them on, all at once, and writes what became of each; Away when Temporal went away meanwhile."""
        answers = await asyncio.gather(*(self._passed(each) for each in lease.messages))
        settled = [each for each in answers if not isinstance(each, Exception)]
        if settled:
            rows = json.dumps([row for row, _ in settled])
            async with self._transaction() as connection:
                await connection.execute(self._sql(_SETTLE), {"lease": lease.lease, "settled": rows})
        for _, event in settled:
            self._tell(event)
        gone = [each for each in answers if isinstance(each, Exception)]
        if gone:
            raise Away(f"Temporal: {gone[0]}") from gone[0]

    async def give_back(self, lease: Batch) -> None:
        """What nothing was written of; it was not its attempt."""
        positions = json.dumps([each.position for each in lease.messages])
        async with self._transaction() as connection:
            await connection.execute(self._sql(_GIVE_BACK), {"lease": lease.lease, "positions": positions})

    async def over(self, lease: Batch) -> None:
        """What was passed on is Temporal's."""

    async def listen(self, lasting: timedelta) -> None:
        asked = {"namespace": self._outbox.namespace, "seconds": lasting.total_seconds()}
        async with self._transaction() as connection:
            await connection.execute(self._sql(_LISTEN), asked)

    async def _passed(self, waiting: Waiting) -> tuple[dict[str, Any], Event] | Exception:
        """What to write of it and to tell, or the error of a Temporal that is away."""
        fresh = True
        try:
            await self._passing(read(json.loads(waiting.message)))
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is this message's
            reason = f"{type(error).__name__}: {error}".replace("\0", "")[:1000]
            match judged(error):
                case Verdict.AWAY:
                    return error
                case Verdict.LATER if waiting.attempt < self._config.attempts:
                    return self._postponed(waiting, reason)
                case Verdict.LATER | Verdict.NEVER:
                    return _row(waiting, "aside", reason), SetAside(waiting.key, reason)
                case Verdict.THERE:
                    fresh = False
        return _row(waiting, "passed"), Passed(waiting.key, waiting.age, fresh)

    def _postponed(self, waiting: Waiting, reason: str) -> tuple[dict[str, Any], Event]:
        longest = self._config.longest_pause.total_seconds()
        pause = min(self._config.pause.total_seconds() * 2 ** (waiting.attempt - 1), longest)
        event = Postponed(waiting.key, waiting.attempt, reason, pause)
        return {**_row(waiting, "waiting", reason), "pause": pause}, event

    def _sql(self, words: str) -> TextClause:
        return text(self._outbox.named(words))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with reached(), self._engine.begin() as connection:
            yield connection


def _row(waiting: Waiting, state: str, reason: str | None = None) -> dict[str, Any]:
    return {"position": waiting.position, "state": state, "reason": reason, "pause": 0}
