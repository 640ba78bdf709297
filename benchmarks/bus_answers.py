"""How long it takes to send a command, until it runs, to look at what waits, and to decide about it."""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import uuid4

import asyncpg

from application.commands.cases import CommandCases
from application.commands.handling import Handlers
from application.commands.sending import send_in
from application.ports.commands import CommandFilter
from application.ports.parked import ParkedFilter
from application.tenants import Tenants
from benchmarks.commands import Idle
from benchmarks.house import House
from domain.commands import Command, CommandState
from domain.commands.operations import Act, Decision
from domain.people import Actor, Role

TIMES: Final = 200
PARKED: Final = 50_000
PAGE: Final = 50
FILL: Final = """
INSERT INTO command (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, priority, correlation,
                     sent_at, seq, state, parked, epoch, attempt, crashes, due_at, rank, ended_at, version,
                     parked_at, error, error_fingerprint)
SELECT tenant, $3, 'c' || n, $4, 1, '{}', 'sha256:' || repeat('0', 64), 0, gen_random_uuid(), now(),
       nextval('command_seq'), CASE WHEN $5 = 0 THEN 'pending' WHEN n <= $5 THEN 'parked' ELSE 'completed' END,
       CASE WHEN n <= $5 THEN 'permanent' END, 1, 0, 0, now(), now(), CASE WHEN $5 > 0 AND n > $5 THEN now() END, 1,
       CASE WHEN n <= $5 THEN now() + n * interval '1 microsecond' END,
       CASE WHEN n <= $5 THEN '{"kind": "permanent", "code": "no", "message": "no", "details": null}'::jsonb END,
       CASE WHEN n <= $5 THEN 'cause-' || n % 40 END
  FROM unnest($1::uuid[]) AS tenant, generate_series(1, $2) AS n
"""
"""Tenants, how many each, domain, type, and how many of them are parked: with none all are pending, else over."""
_WOKE: Final = """
SELECT extract(epoch FROM started.recorded_at - sent.recorded_at) * 1000 AS ms
  FROM audit_event started JOIN audit_event sent USING (tenant_id, resource)
 WHERE started.action = 'command:record:started' AND sent.action = 'command:record:sent'
   AND resource LIKE 'bench/wake-%'
"""


async def answers(home: House, commands: int) -> list[Sequence[str]]:
    cases = CommandCases.over(home.store)
    operator = (
        await Tenants(home.store).admit_principal(
            home.tenant, "olu", frozenset({Role.OPERATOR}), issuer=home.issuer.config().issuer
        )
    ).actor
    await home.store.put_command_types(Handlers(Idle()).types())
    line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
    rows = [
        _row("sent in the caller's transaction", await _sent(home)),
        _row("from sent to run, idle", await _woke(home, line)),
    ]
    await line.execute(FILL, [home.tenant.id], commands + PARKED, "old", "old.write", PARKED)
    await line.execute("VACUUM ANALYZE command")
    await line.close()
    many = f"{commands:,} commands and {PARKED:,} parked"
    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        f"a page of what is parked, {many}": lambda: cases.troubleshooting.page(operator, ParkedFilter(), None, PAGE),
        "its causes": lambda: cases.troubleshooting.causes(operator, ParkedFilter(), None, PAGE),
        "a page of commands by state": lambda: cases.looking.page(
            operator, CommandFilter(state=CommandState.PARKED), None, PAGE
        ),
    }
    rows += [_row(what, await _timed(ask)) for what, ask in asked.items()]
    rows.append(_row("a decision of a person", await _decided(cases, operator)))
    return rows


async def _sent(home: House) -> list[float]:
    taken = []
    for number in range(TIMES):
        async with home.store.transaction(home.tenant.id) as tx:
            began = time.perf_counter()
            await send_in(tx, [Command("bench.write", f"send-{number}", {})])
            taken.append(time.perf_counter() - began)
    return taken


async def _woke(home: House, line: Any) -> list[float]:
    env = {**home.environment, "CHANGEGATE_HANDLERS": "benchmarks.commands:Idle", "CHANGEGATE_LOG_LEVEL": "WARNING"}
    worker = await home.stack.spawn("worker", [sys.executable, "-m", "worker"], env, grace=25)
    await _over(line)  # what was sent before
    for number in range(TIMES // 2):
        async with home.store.transaction(home.tenant.id) as tx:
            await send_in(tx, [Command("bench.write", f"wake-{number}", {})])
        await _over(line)
        await asyncio.sleep(0.1)
    await worker.stop()
    return [float(row["ms"]) / 1000 for row in await line.fetch(_WOKE)]


async def _over(line: Any) -> None:
    while await line.fetchval("SELECT EXISTS (SELECT FROM command WHERE ended_at IS NULL)"):  # noqa: ASYNC110 -- the database sets no event
        await asyncio.sleep(0.01)


async def _decided(cases: CommandCases, operator: Actor) -> list[float]:
    taken = []
    for each in await cases.troubleshooting.page(operator, ParkedFilter(), None, 100):
        began, decision = time.perf_counter(), Decision(Act.RETRY, "the account is there again")
        await cases.acts.decide(operator, each.record.key, each.record.version, uuid4(), decision)
        taken.append(time.perf_counter() - began)
    return taken


async def _timed(ask: Callable[[], Awaitable[Any]]) -> list[float]:
    taken = []
    for _ in range(TIMES // 2):
        began = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - began)
    return taken


def _row(what: str, taken: Sequence[float]) -> Sequence[str]:
    """In milliseconds."""
    quantiles = statistics.quantiles(taken, n=100)
    return what, f"{quantiles[49] * 1000:,.1f}", f"{quantiles[94] * 1000:,.1f}"
