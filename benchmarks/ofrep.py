"""OFREP over HTTP, one process, beside a bare echo and a FastAPI route on the same server in the same run."""

import asyncio
import json
import re
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks import floors
from benchmarks.house import House, house, output_of
from benchmarks.measure import print_table

RUNS = 5
SECONDS = 2
CONNECTIONS = 16
CORKED = "api.corked:Protocol"
"""How we serve: head and body leave in one write. Rows that say so compare like with like."""
SINGLE = "/ofrep/v1/evaluate/flags/flag-7"
BULK = "/ofrep/v1/evaluate/flags"
CONTEXT = json.dumps({"context": {"targetingKey": "user-1", "email": "ada@example.test"}})


def main() -> None:
    if shutil.which("wrk") is None:
        print("SKIPPED: wrk is not installed (apt-get install wrk); nothing was measured")
        return
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        await home.put(floors.FLAGS)
        echo = await home.serve("echo", "benchmarks.floors:echo")
        corked = await home.serve("corked", "benchmarks.floors:echo", http=CORKED)
        route = await home.serve("route", "benchmarks.floors:route", factory=True, ready="/openapi.json")
        ours = await home.serve("api", "bootstrap:api", factory=True, ready="/healthz", http=CORKED)
        uncorked = await home.serve("uncorked", "bootstrap:api", factory=True, ready="/healthz")
        targets = {
            "bare ASGI echo": (echo, SINGLE),
            "bare ASGI echo, one write an answer": (corked, SINGLE),
            "FastAPI route, one flag": (route, SINGLE),
            "OFREP, one flag": (ours, SINGLE),
            "OFREP, one flag, two writes an answer": (uncorked, SINGLE),
            "OFREP, 100 flags at once": (ours, BULK),
        }
        with tempfile.TemporaryDirectory() as folder:
            script = _script(Path(folder), home)
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in targets}
            for _ in range(RUNS):  # in turns, so that a busy moment of the machine meets all of them
                for name, (port, path) in targets.items():
                    taken[name].append(await _wrk(script, port, path))
    _print(taken)


def _print(taken: dict[str, list[tuple[float, float]]]) -> None:
    rates = {name: statistics.median(rate for rate, _ in runs) for name, runs in taken.items()}
    floor = rates["bare ASGI echo"]
    rows = [
        (name, f"{rate:,.0f}", f"{statistics.median(p50 for _, p50 in taken[name]):.2f}", f"{rate / floor:.2f}x")
        for name, rate in rates.items()
    ]
    print_table(
        f"requests a second, wrk, {CONNECTIONS} connections, median of {RUNS} runs of {SECONDS} s",
        ("server (uvicorn, one process)", "req/s", "p50 ms", "of the echo"),
        rows,
    )


async def _wrk(script: Path, port: int, path: str) -> tuple[float, float]:
    """Requests a second and the median latency in milliseconds; RuntimeError when an answer was not 2xx."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script)]
    told = await output_of([*command, f"http://127.0.0.1:{port}{path}"])
    if "Non-2xx" in told:
        raise RuntimeError(told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", told)
    if rate is None or p50 is None:
        raise RuntimeError(told)
    return float(rate[1]), float(p50[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[p50[2]]


def _script(folder: Path, home: House) -> Path:
    script = folder / "post.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = '{CONTEXT}'\n"
        'wrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Authorization"] = "Bearer {home.token("ada")}"\n'
    )
    return script


if __name__ == "__main__":
    main()
