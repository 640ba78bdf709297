"""What settings cost: a chain resolved in process, a hundred keys from the database, and one over HTTP."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from application.settings.definitions import SettingDefinitions
from application.settings.reading import Question, SettingReads
from benchmarks.house import House, house
from benchmarks.measure import RUNS, hardware, median_seconds, print_table
from domain.environments import Environment
from domain.settings import Entry, EntryState, Level, Scope, parse_setting_definition, resolve

STEPS = ("region:eu", "company:de", "site:berlin", "user:ada")
CHAIN = [scope.text for scope in Scope("/".join(STEPS)).ancestors()]
"""Five levels, the tenant first."""
KINDS = ["tenant", "region", "company", "site", "user"]
KEYS = [f"shop.limit{number}" for number in range(100)]
ROUNDS = 50
SAID: dict[str, list[Any]] = {
    "an integer, replaced": [10, 20, 30, 40, 50],
    "an object, merged": [{f"level{place}": place, "shared": {"narrowest": place}} for place in range(5)],
}
"""What the levels say, broad to narrow."""
MERGED: dict[str, Any] = {
    "an integer, replaced": 50,
    "an object, merged": {**{f"level{place}": place for place in range(5)}, "shared": {"narrowest": 4}},
}


def main() -> None:
    _in_process()
    asyncio.run(_installed())


def _in_process() -> None:
    rows = []
    for case, said in SAID.items():
        calls: dict[str, Callable[[], object]] = {"a lookup in a dict": partial({"shop.limit": 0}.get, "shop.limit")}
        calls["ours: five levels resolved, with the trace"] = partial(_resolved, case)
        assert _resolved(case) == MERGED[case]
        try:
            peer = _dynaconf(said)
        except ModuleNotFoundError:
            print("\n*** SKIPPED: not installed: dynaconf (requirements/bench.txt has it) ***")
        else:
            name = f"dynaconf {version('dynaconf')}"
            assert peer.get("limit") == MERGED[case]
            calls[f"{name}: read after it merged"] = partial(peer.get, "limit")
            calls[f"{name}: five files merged, and read"] = partial(_reloaded, peer)
        rows += [(name, case, f"{median_seconds(call) * 1e6:,.2f}") for name, call in calls.items()]
    title = f"Microseconds for one key over five levels, median of {RUNS} runs, on {hardware()}"
    print_table(title, ("what", "value", "us"), rows)


_AT = datetime(2026, 3, 2, tzinfo=UTC)


def _levels(said: list[Any]) -> list[Level]:
    since = _AT - timedelta(days=1)
    return [
        Level(label, (Entry(1, EntryState.SET, value, False, None, since, None, None, since, None, "measured"),))
        for label, value in zip(CHAIN, said, strict=True)
    ]


_LEVELS = {case: _levels(said) for case, said in SAID.items()}
_DEFINITIONS = {
    case: parse_setting_definition({"key": "limit", "type": kind, "scopes": KINDS, "merge": merge})
    for case, (kind, merge) in zip(SAID, (("integer", "replace"), ("json", "deep_merge")), strict=True)
}


def _resolved(case: str) -> object:
    return resolve(_DEFINITIONS[case], _LEVELS[case], _AT).value


def _dynaconf(said: list[Any]) -> Any:
    folder = Path(tempfile.mkdtemp())
    files = []
    for place, value in enumerate(said):
        files.append(folder / f"{place}.json")
        files[-1].write_text(json.dumps({"limit": value}))
    return import_module("dynaconf").Dynaconf(settings_files=[str(file) for file in files], merge_enabled=True)


def _reloaded(peer: Any) -> object:
    peer.reload()
    return peer.get("limit")


async def _installed() -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        echo = await home.serve("echo", "benchmarks.floors:echo")
        for key in KEYS:
            definition = {"key": key, "type": "integer", "scopes": KINDS, "default": 1}
            await SettingDefinitions(home.store).create(home.people["ada"], definition, "to be measured")
        headers = {"Authorization": f"Bearer {home.token('ada')}"}
        line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
        async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False, timeout=120) as http:
            for scope in CHAIN:
                await _bulk(http, [{"key": key, "scope": scope, "value": 1} for key in KEYS])
            reads = await _reads(home, http, line, echo)
        await line.close()
    columns = ("what", "p50 ms", "p95 ms")
    print_table(f"One after another, {ROUNDS} times each, on {hardware()}", columns, reads)


async def _reads(home: House, http: httpx2.AsyncClient, line: Any, echo: int) -> list[tuple[str, ...]]:
    question = Question(Environment.DEV, Scope(CHAIN[-1]))
    reads, ada = SettingReads(home.store), home.people["ada"]

    async def cold() -> None:
        found = await reads.some_effective(ada, question, KEYS)
        assert len(found) == len(KEYS)

    async def rows() -> None:
        query = "SELECT * FROM setting_entry WHERE environment = 'dev' AND key = ANY($1) AND scope = ANY($2)"
        assert len(await line.fetch(query, KEYS, CHAIN)) == len(KEYS) * len(CHAIN)

    async def over_http() -> None:
        place = {"environment": "dev", "scope": CHAIN[-1]}
        answer = await http.get(f"/api/v1/settings/{KEYS[0]}/effective", params=place)
        assert answer.json()["winner"] == CHAIN[-1], answer.text

    async def echoed() -> None:
        (await http.get(f"http://127.0.0.1:{echo}/")).raise_for_status()

    wanted: dict[str, Callable[[], Awaitable[object]]] = {
        "SELECT 1, one round trip": partial(line.fetchval, "SELECT 1"),
        "the 500 rows of 100 keys, plain asyncpg": rows,
        "100 keys over five levels, resolved from the database": cold,
        "bare ASGI echo over HTTP": echoed,
        "one key over five levels, over HTTP": over_http,
    }
    return [(name, *shown(await timed(act, ROUNDS))) for name, act in wanted.items()]


async def _bulk(http: httpx2.AsyncClient, items: list[dict[str, Any]]) -> None:
    wish = {"environment": "dev", "items": items, "reason": "to be measured"}
    answer = await http.post("/api/v1/settings/bulk", json=wish)
    if answer.status_code != httpx2.codes.OK:
        raise RuntimeError(answer.text)


async def timed(act: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Seconds of each, after one that does not count."""
    await act()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await act()
        taken.append(time.perf_counter() - began)
    return taken


def shown(seconds: list[float]) -> tuple[str, str]:
    return (
        f"{statistics.median(seconds) * 1e3:,.2f}",
        f"{statistics.quantiles(seconds, n=20, method='inclusive')[-1] * 1e3:,.2f}",
    )


if __name__ == "__main__":
    main()
