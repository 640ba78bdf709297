"""Ten thousand rollouts wait for people on one worker: memory, and how soon they go on after the worker was killed."""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Iterable
from uuid import UUID

import httpx2

from adapters.temporal.client import connect
from benchmarks.house import House, house
from benchmarks.measure import print_table

ROLLOUTS = 10_000
AT_ONCE = 16
VOTES = 100
CLASSIC = {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "a"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks waiting", description=__doc__)
    parser.add_argument(
        "--rollouts", type=int, default=ROLLOUTS, help="a thousand: three minutes, ten thousand: over half an hour"
    )
    asyncio.run(_measured(parser.parse_args().rollouts))


async def _measured(rollouts: int) -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        await home.worker()
        await home.put({f"waiting-{number}": CLASSIC for number in range(rollouts)})
        empty = _memory(home)
        began = time.perf_counter()
        changes = await _submitted(home, rollouts)
        submitted = time.perf_counter() - began
        await _asked(home, rollouts)
        full = _memory(home)
        worker = home.stack.children["worker"]
        os.kill(worker.pid or 0, signal.SIGKILL)
        began = time.perf_counter()
        await _decided(home, changes[:1])
        resumed = time.perf_counter() - began
        cold = changes[1 :: max(1, rollouts // VOTES)]
        began = time.perf_counter()
        await _decided(home, cold)
        taken = time.perf_counter() - began
        after = _memory(home)
    print_table(
        f"{rollouts:,} rollouts, each waiting for two levels of approval, one worker",
        ("what", "measured"),
        [
            ("submitted through the API, per second", f"{rollouts / submitted:.0f}"),
            *((f"{name}, resident MB, while none waits", f"{size:.0f}") for name, size in empty.items()),
            *((f"{name}, resident MB, while all wait", f"{size:.0f}") for name, size in full.items()),
            ("first vote counted after SIGKILL of the worker, s", f"{resumed:.2f}"),
            (f"next {len(cold)} votes on cold workflows, per second", f"{len(cold) / taken:.0f}"),
            ("the new worker after them, resident MB", f"{after['worker']:.0f}"),
        ],
    )


def _memory(home: House) -> dict[str, float]:
    return {name: megabytes(home.stack.children[name].pid) for name in ("worker", "api", "temporal")}


async def _submitted(home: House, rollouts: int) -> list[UUID]:
    gate = asyncio.Semaphore(AT_ONCE)
    async with _person(home, "ada") as ada:

        async def one(number: int) -> UUID:
            async with gate:
                body = {
                    "environment": "production", "key": f"waiting-{number}", "base_version": 1,
                    "definition": {**CLASSIC, "defaultVariant": "b"}, "reason": "to wait",
                }  # fmt: skip
                response = await ada.post("/rollouts", json=body)
                response.raise_for_status()
                return UUID(response.json()["rollout"]["id"])

        return list(await asyncio.gather(*(one(number) for number in range(rollouts))))


async def _asked(home: House, rollouts: int) -> None:
    """Until every approval waits: what is still being started would be measured otherwise."""
    client = await connect(home.stack.endpoints.temporal_address)
    waiting = "WorkflowType = 'ApprovalWorkflow' AND State = 'PENDING'"
    for _ in range(240 + rollouts // 2):
        if (await client.count_workflows(waiting)).count >= rollouts:
            return
        await asyncio.sleep(0.5)
    raise TimeoutError("not every approval was asked for")


async def _decided(home: House, changes: Iterable[UUID]) -> None:
    """Vote on each, again while the API says that Temporal's worker is away."""
    async with _person(home, "bob") as bob:
        for change in changes:
            for _ in range(600):
                response = await bob.post(f"/approvals/{change}/approve", json={})
                if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                    break
                await asyncio.sleep(0.05)
            if response.status_code != httpx2.codes.CONFLICT:  # counted by the attempt that got no answer
                response.raise_for_status()


def _person(home: House, handle: str) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {home.token(handle)}"}
    return httpx2.AsyncClient(base_url=f"{home.api}/api/v1", headers=headers, trust_env=False, timeout=60)


def megabytes(pid: int | None) -> float:
    """Resident memory of a process and its children, from /proc; 0 where there is none."""
    total, wanted = 0, {pid}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:  # noqa: PTH208, PTH112 -- /proc is no tree
        try:
            with open(f"/proc/{entry}/status") as status:  # noqa: PTH123
                fields = dict(line.split(":", 1) for line in status if ":" in line)
        except (OSError, ValueError):
            continue
        if int(fields["Pid"]) in wanted or int(fields["PPid"]) in wanted:
            total += int(fields.get("VmRSS", "0 kB").split()[0])
    return total / 1024


if __name__ == "__main__":
    main()
