"""What OFREP event streams cost one process, and how long a committed change takes to all who hold one."""

import asyncio
import json
import os
import statistics
import time
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Any

from application.ports.records import StoredFlag
from benchmarks.house import House, house
from benchmarks.measure import print_table
from domain.environments import Environment

STREAMS, FLAGS, CHANGES, SETTLE_SECONDS = 500, 200, 30, 3
BULK = "/ofrep/v1/evaluate/flags"
_RULE = {"if": [{"in": [{"var": "plan"}, ["pro", "team"]]}, {"fractional": [["on", 25], ["off", 75]]}]}
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": _RULE}


def main() -> None:
    asyncio.run(_measure())


async def _measure() -> None:
    async with house() as home:
        await home.put({f"flag-{number}": FLAG for number in range(FLAGS)})
        port = await home.serve("api", "bootstrap:api", factory=True, ready="/readyz", http="api.corked:Protocol")
        pid = _listening(port)
        uris = [await _uri(home, port, f"user-{number}") for number in range(STREAMS)]
        before = _resident(pid)
        streams = [await _opened(port, uri) for uri in uris]
        await asyncio.sleep(SETTLE_SECONDS)
        held, idle = _resident(pid), _processor_seconds(pid)
        await asyncio.sleep(SETTLE_SECONDS)
        idle = (_processor_seconds(pid) - idle) / SETTLE_SECONDS
        busy = _processor_seconds(pid)
        later = [await _change(home, number, [reader for reader, _ in streams]) for number in range(CHANGES)]
        busy = (_processor_seconds(pid) - busy) / CHANGES
        for _, writer in streams:
            writer.close()
    every = sorted(seconds * 1000 for seen in later for seconds in seen)
    print_table(
        f"{CHANGES} changes of one flag among {FLAGS}, {STREAMS} streams of one process: commit to client, ms",
        ["", "median", "p95", "largest"],
        [
            [
                "all clients",
                f"{statistics.median(every):.1f}",
                f"{every[int(len(every) * 0.95)]:.1f}",
                f"{every[-1]:.1f}",
            ]
        ],
    )
    print_table(
        f"what {STREAMS} streams cost that process",
        ["", "kB a stream", "processor, idle", "processor ms a change"],
        [["all streams", f"{(held - before) / STREAMS:.0f}", f"{idle:.1%}", f"{busy * 1000:.0f}"]],
    )


async def _uri(home: House, port: int, subject: str) -> str:
    """Where this client's stream is, from the answer with all of its flags."""
    body = json.dumps({"context": {"targetingKey": subject}})
    head = f"POST {BULK} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {home.token('ada')}\r\nConnection: close\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    answer = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    return str(json.loads(answer)["eventStreams"][0]["endpoint"]["requestUri"])


async def _opened(port: int, uri: str) -> tuple[StreamReader, StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {uri} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n".encode())
    await reader.readuntil(b"retry: ")
    return reader, writer


async def _change(home: House, number: int, readers: list[StreamReader]) -> list[float]:
    """Seconds until each heard of it, from when the commit had returned; one that heard before counts as none."""
    heard = [asyncio.ensure_future(_arrival(each)) for each in readers]
    changed: dict[str, Any] = {**FLAG, "metadata": {"change": number}}
    async with home.store.transaction(home.tenant.id) as tx:
        flag = StoredFlag(Environment.PRODUCTION, f"flag-{number % FLAGS}", 2, changed, "benchmark", None, tx.now)
        await tx.flags.put(flag, expected=1)
    began = time.perf_counter()
    return [max(0.0, moment - began) for moment in await asyncio.gather(*heard)]


async def _arrival(reader: StreamReader) -> float:
    await reader.readuntil(b"refetchEvaluation")
    return time.perf_counter()


def _listening(port: int) -> int:
    """The process whose command names this port; the runner and its child share no other."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0")
        if b"bootstrap:api" in words and str(port).encode() in words:
            return int(path.parent.name)
    raise LookupError("it does not run")


def _resident(pid: int) -> float:
    """Memory in kB (proc(5), the second field)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _processor_seconds(pid: int) -> float:
    """Of its own and of the system for it (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
