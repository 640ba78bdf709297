"""The ground of the race: a real gate, which the product's own closer closes and opens again."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text

from adapters.postgres.store import PostgresStore
from benchmarks.cut_off import Line, Refused, Verdict, work
from benchmarks.gated import ASKED, DAY, ENTERED, ENTITY, SCOPE
from domain.periods import GateKey, Posting
from tests.conftest import House

SHUT = {f"FP00{number}" for number in range(1, 6)}
"""SQLSTATEs of a gate that lets nothing in."""

_LOOKED = ("SELECT period_id, epoch FROM period_gate WHERE tenant_id = $1 AND entity = $2 AND scope = $3 "
           "AND period_id = $4 AND status = 'open' AND posting = 'all'")  # fmt: skip
_COUNTED = ("INSERT INTO cut_off.counted SELECT :journal, :tenant, :epoch, count(*), coalesce(sum(amount), 0) "
            "FROM cut_off.{} WHERE tenant_id = :tenant AND epoch = :epoch")  # fmt: skip
_JUDGED = ("SELECT count(*), count(*) FILTER (WHERE (n, s) <> (entries, amount)), coalesce(sum(abs(n - entries)), 0) "
           "FROM cut_off.counted c, LATERAL (SELECT count(*) AS n, coalesce(sum(j.amount), 0) AS s FROM cut_off.{} j "
           "WHERE j.tenant_id = c.tenant_id AND j.epoch = c.epoch) AS found "
           "WHERE c.journal = :journal AND c.tenant_id = :tenant")  # fmt: skip


@dataclass
class RealGate:
    """The closer is the product's own. Who posts asks the guard, or every other time just inserts; or merely looks."""

    store: PostgresStore
    house: House
    key: GateKey
    guarded: bool = True
    pause: float | None = None
    """Seconds between the question and the entry; a few milliseconds, unless said."""

    def __post_init__(self) -> None:
        self._turns = itertools.count()

    @property
    def journal(self) -> str:
        return "guarded" if self.guarded else "unguarded"

    async def post(self, line: Line) -> None:
        await line.execute("SELECT set_config('app.tenant_id', $1, true), set_config('fiscal.actor', $2, true)",
                           str(self.house.id), str(self.house.root.id))  # fmt: skip
        await work()
        turn = next(self._turns)
        try:
            period, epoch = await self._answer(line, turn)
            await (work() if self.pause is None else asyncio.sleep(self.pause))
            amount = (turn % 997) + 1
            await line.execute(ENTERED.format(self.journal), self.house.id, ENTITY, DAY, amount, period, epoch)
        except asyncpg.PostgresError as error:
            if error.sqlstate in SHUT:
                raise Refused from None
            raise

    async def _answer(self, line: Line, turn: int) -> tuple[UUID | None, int | None]:
        if not self.guarded:
            row = await line.fetchrow(_LOOKED, self.house.id, ENTITY, SCOPE, self.key.period)
            if row is None:
                raise Refused
        elif turn % 2:
            return None, None
        else:
            row = await line.fetchrow(ASKED, self.house.id, ENTITY, SCOPE, DAY, self.house.root.id)
        assert row is not None
        return row["period_id"], row["epoch"]

    async def close(self) -> None:
        """Counted within the transaction that closes, after it holds the gate."""
        async with self.store.transaction(self.house.id) as tx:
            gate = (await tx.periods.hold([self.key]))[self.key]
            await tx.periods.move([gate.closed(self.house.root.id, tx.now, "because")])
            counted = {"journal": self.journal, "tenant": self.house.id, "epoch": gate.epoch}
            await tx._session.execute(text(_COUNTED.format(self.journal)), counted)

    async def reopen(self) -> None:
        async with self.store.transaction(self.house.id) as tx:
            gate = (await tx.periods.hold([self.key]))[self.key]
            await tx.periods.move([gate.reopened(Posting.ALL, self.house.root.id, tx.now, "because")])

    async def verdict(self) -> Verdict:
        async with self.store.transaction(self.house.id) as tx:
            asked = {"journal": self.journal, "tenant": self.house.id}
            row: Any = (await tx._session.execute(text(_JUDGED.format(self.journal)), asked)).one()
            return Verdict(int(row[0]), int(row[1]), int(row[2]))
