"""What it costs to write settings: many at once, in process and over HTTP, and one among many that are there.

The floor is an INSERT ... SELECT of as many bare rows. While the largest batch is written somebody else reads: how long
the slowest of their answers took says whether a batch keeps a process to itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import httpx2

from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from adapters.memory.processes import MemoryProcesses
from adapters.memory.secrets import MemorySealer
from application.ports.settings import Rulebook
from application.settings.cases import SettingCases
from application.settings.definitions import SettingDefinitions
from application.settings.wishes import Order, Wish
from application.submission import Submission
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from benchmarks.settings import KEYS, KINDS, shown, timed
from bootstrap import clock
from domain.environments import Environment
from domain.settings import EntryState, Scope

BULKS = {50: 20, 1_000: 7, 10_000: 3}
"""Items to the times that so many are written."""
STORED = 10_000
TIMES = 7
RULED, BOUND = "rooms.guests", "rooms.most"
INSERT = (
    "INSERT INTO floor SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])"
    " AS u (key, scope, value, reason)"
)
Row = tuple[str, ...]


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        for key in (*KEYS, RULED, BOUND):
            definition = {"key": key, "type": "integer", "scopes": KINDS, "default": 1}
            await SettingDefinitions(home.store).create(home.people["ada"], definition, "to be measured")
        line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
        headers = {"Authorization": f"Bearer {home.token('ada')}"}
        async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False, timeout=120) as http:
            batches = await _batches(home, http, line)
            met = await _met_meanwhile(http)
            ones = await _ones(home, http)
        await line.close()
    columns = ("what", "p50 ms", "p95 ms")
    title = ", ".join(f"{items:,} items {times} times" for items, times in BULKS.items())
    print_table(f"All or none, over values that are there: {title}, on {hardware()}", columns, batches)
    print_table("Reads of one value, one after another", (*columns, "slowest ms"), met)
    print_table(f"One value, where {STORED:,} scopes say something of its key, {TIMES} times", columns, ones)


async def _batches(home: House, http: httpx2.AsyncClient, line: Any) -> list[Row]:
    await line.execute("CREATE TABLE floor (key text, scope text, value text, reason text)")
    rows: list[Row] = []
    cases = _cases(home)
    for items, times in BULKS.items():
        wishes = _items(items)
        bare = [(wish["key"], wish["scope"], str(wish["value"]), "to be measured") for wish in wishes]
        plain = [list(column) for column in zip(*bare, strict=True)]
        order = Order(
            Environment.DEV,
            tuple(Wish(w["key"], Scope(w["scope"]), EntryState.SET, w["value"]) for w in wishes),
            "to be measured",
        )
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            f"{items:,} bare rows, INSERT ... SELECT": partial(line.execute, INSERT, *plain),
            f"batch of {items:,}, in process": partial(cases.writes.write, home.people["ada"], order),
            f"batch of {items:,}, over HTTP": partial(_bulk, http, wishes),
        }
        rows += [(name, *shown(await timed(call, times))) for name, call in calls.items()]
    return rows


def _cases(home: House) -> SettingCases:
    acts = SignedActs(kept_key(home.stack.folder / "acts.pem"), clock)
    submission = Submission(home.store, MemoryProcesses(home.store, acts, clock))
    return SettingCases.over(home.store, submission, MemorySealer())


async def _met_meanwhile(http: httpx2.AsyncClient) -> list[Row]:
    """What reads take on a quiet process, and on one that writes the largest batch."""
    rows: list[Row] = []
    largest = _items(max(BULKS))
    for name, busy in (("alone", asyncio.sleep(1)), (f"beside a batch of {len(largest):,}", _bulk(http, largest))):
        writing = asyncio.create_task(busy)
        taken = []
        while not writing.done():
            began = time.perf_counter()
            answer = await http.get(f"/api/v1/settings/{RULED}/effective", params={"environment": "dev"})
            answer.raise_for_status()
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)
        await writing
        rows.append((name, *shown(taken), f"{max(taken) * 1e3:,.2f}"))
    return rows


async def _ones(home: House, http: httpx2.AsyncClient) -> list[Row]:
    """With a rule that compares the key with another."""
    rule = {"kind": "range", "name": "rooms", "key": RULED, "at_most": {"key": BOUND}}
    await _bulk(http, [{"key": BOUND, "value": 9}])
    await _bulk(http, [{"key": RULED, "scope": f"region:r{n}", "value": 1} for n in range(STORED)])
    async with home.store.transaction(home.tenant.id) as tx:
        await tx.settings.put_rulebook(Rulebook(1, [rule], home.people["ada"].id, tx.now))
    places = {"at one of them": "region:r7", "at the tenant, above all of them": ""}
    return [(name, *shown(await timed(partial(_bulk, http, [_ruled(at)]), TIMES))) for name, at in places.items()]


def _ruled(scope: str) -> dict[str, Any]:
    return {"key": RULED, "scope": scope, "value": 2}


def _items(count: int) -> list[dict[str, Any]]:
    return [{"key": KEYS[n % len(KEYS)], "scope": f"region:r{n // len(KEYS)}", "value": n} for n in range(count)]


async def _bulk(http: httpx2.AsyncClient, items: list[dict[str, Any]]) -> None:
    wish = {"environment": "dev", "items": items, "reason": "to be measured"}
    answer = await http.post("/api/v1/settings/bulk", json=wish)
    if answer.status_code != httpx2.codes.OK:
        raise RuntimeError(answer.text[:500])


if __name__ == "__main__":
    main()
