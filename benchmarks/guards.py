"""Five ways to ask whether a gate is open, on a small table of their own: which of them hold is what is measured."""

from dataclasses import dataclass

import asyncpg

from benchmarks.cut_off import Isolation, Line, Refused, Verdict, work

GROUND = """
DROP SCHEMA IF EXISTS guards CASCADE;
CREATE SCHEMA guards;
CREATE TABLE guards.gate (id int PRIMARY KEY, open boolean NOT NULL, epoch bigint NOT NULL);
CREATE TABLE guards.entry (id bigint GENERATED ALWAYS AS IDENTITY, epoch bigint NOT NULL, amount numeric NOT NULL);
CREATE INDEX entry_epoch ON guards.entry (epoch);
CREATE TABLE guards.counted (epoch bigint PRIMARY KEY, entries bigint NOT NULL, amount numeric NOT NULL);
INSERT INTO guards.gate VALUES (1, true, 1);
CREATE FUNCTION guards.hybrid(OUT open boolean, OUT epoch bigint) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(4711);
  SELECT g.open, g.epoch INTO open, epoch FROM guards.gate g WHERE g.id = 1 FOR SHARE;
END $$;
"""
_LOOK = "SELECT open, epoch FROM guards.gate WHERE id = 1"
_COUNT = ("INSERT INTO guards.counted SELECT g.epoch - 1, count(e.epoch), coalesce(sum(e.amount), 0) "
          "FROM guards.gate g LEFT JOIN guards.entry e ON e.epoch = g.epoch - 1 GROUP BY g.epoch")  # fmt: skip
_LOCK = "SELECT pg_advisory_xact_lock(4711)"


@dataclass(frozen=True)
class Guard:
    """What a poster asks, the last statement telling; `locks`: the closer takes the advisory lock before all else."""

    name: str
    asks: tuple[str, ...]
    locks: bool = False


PLAIN = Guard("plain SELECT", (_LOOK,))
KEY_SHARE = Guard("FOR KEY SHARE", (f"{_LOOK} FOR KEY SHARE",))
SHARE = Guard("FOR SHARE", (f"{_LOOK} FOR SHARE",))
ADVISORY = Guard("advisory, then SELECT", ("SELECT pg_advisory_xact_lock_shared(4711)", _LOOK), locks=True)
ONE = Guard(
    "advisory and SELECT in one statement",
    ("SELECT g.open, g.epoch FROM (SELECT pg_advisory_xact_lock_shared(4711)) AS l CROSS JOIN guards.gate g",),
    locks=True,
)
HYBRID = Guard("PL/pgSQL: advisory, then FOR SHARE", ("SELECT open, epoch FROM guards.hybrid()",), locks=True)
GUARDS = (PLAIN, KEY_SHARE, SHARE, ADVISORY, ONE, HYBRID)


@dataclass
class SmallGate:
    """One gate, its closer on a line of its own at an isolation of its own."""

    guard: Guard
    closer: Line
    isolation: Isolation = "read_committed"

    async def ask(self, line: Line) -> int:
        """The epoch to post under; Refused."""
        for statement in self.guard.asks[:-1]:
            await line.execute(statement)
        row = await line.fetchrow(self.guard.asks[-1])
        if row is None or not row["open"]:
            raise Refused
        return int(row["epoch"])

    async def enter(self, line: Line, epoch: int) -> None:
        await line.execute("INSERT INTO guards.entry (epoch, amount) VALUES ($1, $2)", epoch, 1)

    async def post(self, line: Line) -> None:
        await line.execute("SELECT 1")
        await work()
        epoch = await self.ask(line)
        await work()
        await self.enter(line, epoch)

    async def shut(self) -> None:
        """The first half of a close, within the closer's transaction."""
        if self.guard.locks:
            await self.closer.execute(_LOCK)
        await self.closer.execute("UPDATE guards.gate SET open = false, epoch = epoch + 1 WHERE id = 1")

    async def count(self) -> None:
        """The second half: what was posted under the epoch that ends."""
        await self.closer.execute(_COUNT)

    async def close(self) -> None:
        async with self.closer.transaction(isolation=self.isolation):
            await self.shut()
            await self.count()

    async def reopen(self) -> None:
        async with self.closer.transaction():
            if self.guard.locks:
                await self.closer.execute(_LOCK)
            await self.closer.execute("UPDATE guards.gate SET open = true, epoch = epoch + 1 WHERE id = 1")

    async def verdict(self) -> Verdict:
        row = await self.closer.fetchrow(
            "SELECT count(*) AS closes, count(*) FILTER (WHERE (n, s) <> (entries, amount)) AS broken, "
            "coalesce(sum(abs(n - entries)), 0) AS off FROM guards.counted c, LATERAL (SELECT count(*) AS n, "
            "coalesce(sum(e.amount), 0) AS s FROM guards.entry e WHERE e.epoch = c.epoch) AS found"
        )
        assert row is not None
        return Verdict(int(row["closes"]), int(row["broken"]), int(row["off"]))


async def fresh(url: str, guard: Guard, isolation: Isolation = "read_committed") -> SmallGate:
    closer = await asyncpg.connect(url)
    await closer.execute(GROUND)
    return SmallGate(guard, closer, isolation)
