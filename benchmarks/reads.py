"""One effective setting over HTTP at a thousand requests a second, beside a bare echo and a plain GET of Valkey."""

import asyncio
from urllib.parse import urlsplit

import httpx2

from application.settings.definitions import SettingDefinitions
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from benchmarks.ofrep import CORKED
from benchmarks.open_loop import RUNS, http, in_turns

RATE = 1_000
SECONDS = 4
SCOPE = "company:de/site:berlin"
PATH = f"/api/v1/settings/shop.limit/effective?environment=dev&scope={SCOPE}"


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        echo = await home.serve("echo", "benchmarks.floors:echo", http=CORKED)
        ours = await home.serve("api", "bootstrap:api", factory=True, ready="/healthz", http=CORKED)
        await _prepared(home)
        valkey = urlsplit(home.stack.endpoints.valkey_url).port or 0
        mine = {"Authorization": f"Bearer {home.token('ada')}"}
        targets = {
            "a plain GET of Valkey": (valkey, _valkey),
            "bare ASGI echo": (echo, http("/", {})),
            "an effective setting over three levels": (ours, http(PATH, mine)),
        }
        rows = await in_turns(targets, RATE, SECONDS)
    title = f"{RATE:,} requests a second for {SECONDS} s, median of {RUNS} runs, on {hardware()}"
    print_table(title, ("what", "p50 ms", "p95 ms", "p99 ms"), rows)


async def _prepared(home: House) -> None:
    kinds = ["tenant", "company", "site"]
    definition = {"key": "shop.limit", "type": "integer", "scopes": kinds, "default": 1}
    await SettingDefinitions(home.store).create(home.people["ada"], definition, "to be measured")
    headers = {"Authorization": f"Bearer {home.token('ada')}"}
    items = [{"key": "shop.limit", "scope": scope, "value": 7} for scope in ("", "company:de", SCOPE)]
    async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False) as client:
        wish = {"environment": "dev", "items": items, "reason": "to be measured"}
        (await client.post("/api/v1/settings/bulk", json=wish)).raise_for_status()
        answer = (await client.get(PATH)).raise_for_status().json()
    assert (answer["value"], answer["winner"]) == (7, SCOPE)


async def _valkey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"*2\r\n$3\r\nGET\r\n$10\r\nshop.limit\r\n")
    await reader.readline()


if __name__ == "__main__":
    main()
