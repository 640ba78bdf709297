"""From the commit of a change to the clients that stream its flag set, over flagd's sync protocol."""

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio  # type: ignore[import-untyped]  # grpcio brings no types along

from api.flagd.messages import SERVICE, SyncFlagsRequest, SyncFlagsResponse
from application.ports.records import StoredFlag
from benchmarks.house import House, house
from benchmarks.measure import print_table
from domain.environments import Environment

FLAGS, CLIENTS, CHANGES = 200, 50, 60
_RULE = {"if": [{"in": [{"var": "plan"}, ["pro", "team"]]}, {"fractional": [["on", 25], ["off", 75]]}]}
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": _RULE}


def main() -> None:
    asyncio.run(_measure())


async def _measure() -> None:
    async with house() as home, AsyncExitStack() as stack:
        await home.put({f"flag-{number}": FLAG for number in range(FLAGS)})
        home.environment = {**home.environment, "CHANGEGATE_FLAGD_PORT": str(home.stack.port("flagd"))}
        await home.serve("api", "bootstrap:api", factory=True, ready="/readyz", http="api.corked:Protocol")
        address = f"127.0.0.1:{home.stack.port('flagd')}"
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(address)) for _ in range(CLIENTS)]
        streams = [_stream(channel, home) for channel in channels]
        size = max([len((await stream.read()).flag_configuration) for stream in streams])
        later = [await _change(home, number, streams) for number in range(CHANGES)]
        for stream in streams:
            stream.cancel()
    every = sorted(seconds * 1000 for seen in later for seconds in seen)
    print_table(
        f"{CHANGES} changes of one flag among {FLAGS} ({size / 1000:.0f} kB), {CLIENTS} streams: commit to client, ms",
        ["", "median", "p95", "largest"],
        [["all clients", *(f"{value:.1f}" for value in (
            statistics.median(every), every[int(len(every) * 0.95)], every[-1],
        ))]],
    )  # fmt: skip


def _stream(channel: Any, home: House) -> Any:
    call = channel.unary_stream(
        f"/{SERVICE}/SyncFlags", SyncFlagsRequest.SerializeToString, SyncFlagsResponse.FromString
    )
    selector = f"flagSetId={home.tenant.slug}/{Environment.PRODUCTION.value}"
    return call(SyncFlagsRequest(selector=selector), metadata=[("authorization", f"Bearer {home.token('ada')}")])


async def _change(home: House, number: int, streams: list[Any]) -> list[float]:
    """Seconds until each heard of it, from when the commit had returned; one that heard before counts as none."""
    heard = [asyncio.ensure_future(_arrival(each)) for each in streams]
    key = f"flag-{number % FLAGS}"
    async with home.store.transaction(home.tenant.id) as tx:
        changed = {**FLAG, "metadata": {"change": number}}
        flag = StoredFlag(Environment.PRODUCTION, key, 2, changed, "benchmark", None, tx.now)
        await tx.flags.put(flag, expected=1)
    began = time.perf_counter()
    return [max(0.0, moment - began) for moment in await asyncio.gather(*heard)]


async def _arrival(stream: Any) -> float:
    """When the client has the new set; fifty that parse it in one process would wait for each other."""
    await stream.read()
    return time.perf_counter()


if __name__ == "__main__":
    main()
