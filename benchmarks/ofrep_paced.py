"""One flag over OFREP at two thousand requests a second, one process, beside a bare echo on the same server."""

import asyncio

from benchmarks import floors
from benchmarks.house import house
from benchmarks.measure import hardware, print_table
from benchmarks.ofrep import CONTEXT, CORKED, SINGLE
from benchmarks.open_loop import RUNS, http, in_turns

RATE = 2_000
SECONDS = 4


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        await home.put(floors.FLAGS)
        echo = await home.serve("echo", "benchmarks.floors:echo", http=CORKED)
        ours = await home.serve("api", "bootstrap:api", factory=True, ready="/healthz", http=CORKED)
        mine = {"Authorization": f"Bearer {home.token('ada')}"}
        targets = {
            "bare ASGI echo": (echo, http(SINGLE, mine, CONTEXT)),
            "OFREP, one flag": (ours, http(SINGLE, mine, CONTEXT)),
        }
        rows = await in_turns(targets, RATE, SECONDS)
    title = f"{RATE:,} requests a second for {SECONDS} s, median of {RUNS} runs, on {hardware()}"
    print_table(title, ("what", "p50 ms", "p95 ms", "p99 ms"), rows)


if __name__ == "__main__":
    main()
