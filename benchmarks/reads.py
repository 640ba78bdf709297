"""One effective setting over HTTP at a thousand requests a second, beside a bare echo and a plain GET of Valkey.

An open loop: each request has its instant, and its time counts from there, whether a connection was free or not.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2

from application.settings.definitions import SettingDefinitions
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from benchmarks.ofrep import CORKED

RUNS = 5
RATE = 1_000
SECONDS = 4
CONNECTIONS = 32
SCOPE = "company:de/site:berlin"
PATH = f"/api/v1/settings/shop.limit/effective?environment=dev&scope={SCOPE}"
Ask = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        echo = await home.serve("echo", "benchmarks.floors:echo", http=CORKED)
        ours = await home.serve("api", "bootstrap:api", factory=True, ready="/healthz", http=CORKED)
        await _prepared(home)
        valkey = urlsplit(home.stack.endpoints.valkey_url).port or 0
        targets = {
            "a plain GET of Valkey": (valkey, _valkey),
            "bare ASGI echo": (echo, _http("/", {})),
            "an effective setting over three levels": (
                ours,
                _http(PATH, {"Authorization": f"Bearer {home.token('ada')}"}),
            ),
        }
        taken: dict[str, list[list[float]]] = {name: [] for name in targets}
        for _ in range(RUNS):  # in turns, so that a busy moment of the machine meets all of them
            for name, (port, ask) in targets.items():
                taken[name].append(await _run(port, ask))
    rows = [(name, *(f"{statistics.median(_at(run, q) for run in runs) * 1e3:.2f}" for q in (50, 95, 99)))
            for name, runs in taken.items()]  # fmt: skip
    title = f"{RATE:,} requests a second for {SECONDS} s, median of {RUNS} runs, on {hardware()}"
    print_table(title, ("what", "p50 ms", "p95 ms", "p99 ms"), rows)


async def _prepared(home: House) -> None:
    kinds = ["tenant", "company", "site"]
    definition = {"key": "shop.limit", "type": "integer", "scopes": kinds, "default": 1}
    await SettingDefinitions(home.store).create(home.people["ada"], definition, "to be measured")
    headers = {"Authorization": f"Bearer {home.token('ada')}"}
    items = [{"key": "shop.limit", "scope": scope, "value": 7} for scope in ("", "company:de", SCOPE)]
    async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False) as http:
        wish = {"environment": "dev", "items": items, "reason": "to be measured"}
        (await http.post("/api/v1/settings/bulk", json=wish)).raise_for_status()
        answer = (await http.get(PATH)).raise_for_status().json()
    assert (answer["value"], answer["winner"]) == (7, SCOPE)


async def _run(port: int, ask: Ask) -> list[float]:
    """Seconds from the instant of each request to the end of its answer."""
    taken: list[float] = []
    async with _connections(port) as free:

        async def one(due: float) -> None:
            line = await free.get()
            await ask(*line)
            free.put_nowait(line)
            taken.append(time.perf_counter() - due)

        began = time.perf_counter() + 0.05
        async with asyncio.TaskGroup() as group:
            for number in range(RATE * SECONDS):
                due = began + number / RATE
                if (ahead := due - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                group.create_task(one(due))
    return taken


@asynccontextmanager
async def _connections(
    port: int,
) -> AsyncIterator[asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    yield free
    while not free.empty():
        free.get_nowait()[1].close()


def _http(path: str, headers: dict[str, str]) -> Ask:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))

    return ask


async def _valkey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"*2\r\n$3\r\nGET\r\n$10\r\nshop.limit\r\n")
    await reader.readline()


def _at(run: list[float], percent: int) -> float:
    return statistics.quantiles(run, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
