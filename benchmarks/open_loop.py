"""An open loop: each request has its instant, and its time counts from there, whether a connection was free or not."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

RUNS = 5
CONNECTIONS = 32
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Ask = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def in_turns(targets: Mapping[str, tuple[int, Ask]], rate: int, seconds: int) -> list[Sequence[str]]:
    """Of each target p50, p95 and p99 in milliseconds; a busy moment of the machine meets all of them."""
    taken: dict[str, list[list[float]]] = {name: [] for name in targets}
    for _ in range(RUNS):
        for name, (port, ask) in targets.items():
            taken[name].append(await _run(port, ask, rate, seconds))
    return [
        (name, *(f"{statistics.median(_at(run, q) for run in runs) * 1e3:.2f}" for q in (50, 95, 99)))
        for name, runs in taken.items()
    ]


async def _run(port: int, ask: Ask, rate: int, seconds: int) -> list[float]:
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
            for number in range(rate * seconds):
                due = began + number / rate
                if (ahead := due - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                group.create_task(one(due))
    return taken


@asynccontextmanager
async def _connections(port: int) -> AsyncIterator[asyncio.Queue[Line]]:
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    yield free
    while not free.empty():
        free.get_nowait()[1].close()


def http(path: str, headers: Mapping[str, str], body: str = "") -> Ask:
    """A GET, or a POST where there is a body; whatever is not 200 ends the benchmark."""
    said = {"Host": "127.0.0.1", **headers}
    if body:
        said |= {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    request = ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))

    return ask


def _at(run: list[float], percent: int) -> float:
    return statistics.quantiles(run, n=100, method="inclusive")[percent - 1]
