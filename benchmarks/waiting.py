"""A thousand rollouts wait for people on one worker: memory, and how soon they go on after the worker was killed."""

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

ROLLOUTS = 1000
AT_ONCE = 16
CLASSIC = {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "a"}


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        await home.worker()
        await home.put({f"waiting-{number}": CLASSIC for number in range(ROLLOUTS)})
        began = time.perf_counter()
        changes = await _submitted(home)
        submitted = time.perf_counter() - began
        await _asked(home)
        memory = {name: megabytes(home.stack.children[name].pid) for name in ("worker", "api", "temporal")}
        worker = home.stack.children["worker"]
        os.kill(worker.pid or 0, signal.SIGKILL)
        began = time.perf_counter()
        await _decided(home, changes[:1])
        resumed = time.perf_counter() - began
        began = time.perf_counter()
        await _decided(home, changes[1:101])
        hundred = time.perf_counter() - began
    print_table(
        f"{ROLLOUTS} rollouts, each waiting for two levels of approval, one worker",
        ("what", "measured"),
        [
            ("submitted through the API, per second", f"{ROLLOUTS / submitted:.0f}"),
            *((f"{name}, resident MB", f"{size:.0f}") for name, size in memory.items()),
            ("first vote counted after SIGKILL of the worker, s", f"{resumed:.2f}"),
            ("next 100 votes on cold workflows, per second", f"{100 / hundred:.0f}"),
        ],
    )


async def _submitted(home: House) -> list[UUID]:
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

        return list(await asyncio.gather(*(one(number) for number in range(ROLLOUTS))))


async def _asked(home: House) -> None:
    """Until every approval waits: what is still being started would be measured otherwise."""
    client = await connect(home.stack.endpoints.temporal_address)
    waiting = "WorkflowType = 'ApprovalWorkflow' AND State = 'PENDING'"
    for _ in range(240):
        if (await client.count_workflows(waiting)).count >= ROLLOUTS:
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
