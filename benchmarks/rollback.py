"""From the decision to go back to the last write, over a thousand tenants, beside the same rows in plain SQL."""

import argparse
import asyncio
import statistics
import time
from uuid import UUID, uuid4

import asyncpg
import httpx2

from application.ports.settings import StoredDefinition
from application.tenants import Tenants
from benchmarks.house import House, house
from benchmarks.measure import print_table
from domain.people import Role
from domain.rollouts import Rollout, State
from domain.tenants import Tenancy, Tier

TENANTS = 1_000
RUNS = 7
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant"]}
SETTLED = 2.0
"""Seconds after which PostgreSQL has told what a quiet connection wrote."""
Written = dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks rollback", description=__doc__)
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    asyncio.run(_measured(options.tenants, options.runs))


async def _measured(tenants: int, runs: int) -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        await home.worker()
        await Tenants(home.store).admit_principal(
            home.tenant, "root", frozenset({Role.ADMIN}), issuer=home.issuer.config().issuer
        )
        await _found(home, tenants)
        headers = {"Authorization": f"Bearer {home.token('root')}"}
        line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
        async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False, timeout=120) as http:
            taken = [await _taken_back(home, http, number) for number in range(runs)]
            rows = await _rows(home, http, line)
        floor = [await _floor(line, rows) for _ in range(runs)]
        await line.close()
    answered, exposed, gone = ([each[place] for each in taken] for place in range(3))
    print_table(
        f"seconds, a setting of {tenants:,} tenants, {runs} runs one after another",
        ("what", "p50", "p95", "max"),
        [
            ("exposed, from the proposal on", *shown(exposed)),
            ("abort over HTTP, answered", *shown(answered)),
            ("from the abort to the last write, committed", *shown(gone)),
            (f"the same {sum(rows.values()):,} rows, INSERT ... SELECT", *shown(floor)),
        ],
    )
    print("  rows of a rollback: " + ", ".join(f"{table} {many:,}" for table, many in sorted(rows.items())))


async def _found(home: House, tenants: int) -> None:
    """Each with the setting defined, and no value of its own."""
    for number in range(tenants):
        new = uuid4()
        async with home.store.transaction(home.tenant.id) as tx:
            slug = f"tenant-{number:04}"
            await tx.tenants.found(Tenancy(new, slug, slug, tx.now, Tier.FREE, ancestors=(home.tenant.id,)))
        async with home.store.transaction(new) as tx:
            await tx.settings.put_definition(StoredDefinition("upload.limit", 1, LIMIT, None, tx.now), expected=0)


async def _taken_back(home: House, http: httpx2.AsyncClient, number: int) -> tuple[float, float, float]:
    """Seconds of (the abort's answer, all exposed, all back)."""
    began = time.perf_counter()
    rollout = await _exposed(home, http, 20 + number)
    exposed = time.perf_counter() - began
    answered, gone = await _back(home, http, rollout)
    return answered, exposed, gone


async def _exposed(home: House, http: httpx2.AsyncClient, value: int) -> UUID:
    """At every tenant, and baking for long."""
    body = {
        "environment": "dev", "targets": [{"kind": "config", "key": "upload.limit", "value": value}],
        "tenants": {"all": True}, "plan": {"strategy": "direct", "bake_seconds": 86_400}, "reason": "to be measured",
    }  # fmt: skip
    answer = await http.post("/api/v1/rollouts", json=body)
    answer.raise_for_status()
    rollout = UUID(answer.json()["rollout"]["id"])
    await _until(home, rollout, State.BAKING)
    return rollout


async def _back(home: House, http: httpx2.AsyncClient, rollout: UUID) -> tuple[float, float]:
    ended = asyncio.create_task(_until(home, rollout, State.ROLLED_BACK))
    began = time.perf_counter()
    answer = await http.post(f"/api/v1/rollouts/{rollout}/abort", json={"reason": "to be measured"})
    answered = time.perf_counter() - began
    answer.raise_for_status()
    await ended
    return answered, time.perf_counter() - began


async def _until(home: House, rollout: UUID, state: State) -> Rollout:
    for _ in range(60_000):
        async with home.store.transaction(home.tenant.id) as tx:
            present = await tx.rollouts.get(rollout)
        if present is not None and present.state is state:
            return present
        await asyncio.sleep(0.005)
    raise TimeoutError(f"{rollout} is not {state}")


async def _rows(home: House, http: httpx2.AsyncClient, line: asyncpg.Connection) -> Written:
    """How many rows of which tables a rollback writes, where it writes any for each tenant."""
    rollout = await _exposed(home, http, 19)
    await asyncio.sleep(SETTLED)
    before = await _written(line)
    await _back(home, http, rollout)
    await asyncio.sleep(SETTLED)
    after = await _written(line)
    grown = {table: many - before.get(table, 0) for table, many in after.items()}
    return {table: many for table, many in grown.items() if many > max(grown.values()) / 4}


async def _written(line: asyncpg.Connection) -> Written:
    query = "SELECT relname, n_tup_ins + n_tup_upd AS many FROM pg_stat_user_tables WHERE schemaname = 'public'"
    return {row["relname"]: row["many"] for row in await line.fetch(query)}


async def _floor(line: asyncpg.Connection, rows: Written) -> float:
    """Into tables without an index, in one transaction."""
    for table in rows:
        await line.execute(f'CREATE TEMP TABLE "bare_{table}" AS SELECT * FROM "{table}" LIMIT 0')  # noqa: S608 -- names of our own tables
    began = time.perf_counter()
    async with line.transaction():
        for table, many in rows.items():
            await line.execute(f'INSERT INTO "bare_{table}" SELECT * FROM "{table}" LIMIT {many}')  # noqa: S608
    taken = time.perf_counter() - began
    for table in rows:
        await line.execute(f'DROP TABLE "bare_{table}"')
    return taken


def shown(seconds: list[float]) -> tuple[str, str, str]:
    """p50, p95 and the largest; with few runs p95 is the largest."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{statistics.median(ordered):.2f}", f"{p95:.2f}", f"{ordered[-1]:.2f}"


if __name__ == "__main__":
    main()
