"""From a vote over HTTP to the effect that it releases, beside the floor: an update that only answers."""

import asyncio
import statistics
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import httpx2
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.temporal.client import connect
from application.ports.records import StoredFlag
from benchmarks.house import House, house
from benchmarks.measure import print_table
from domain.environments import Environment
from domain.rollouts import Rollout, State

VOTES = 60
CLASSIC = {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "a"}


@workflow.defn
class Floor:
    """What Temporal itself takes for one update."""

    def __init__(self) -> None:
        self._done = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._done)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    def finish(self) -> None:
        self._done = True


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        await home.worker()
        answered, admitted, exposed = await _ours(home)
        floor = await _floor(await connect(home.stack.endpoints.temporal_address))
    rows = [
        ("bare Temporal update", *_shown(floor)),
        ("vote over HTTP, answered", *_shown(answered)),
        ("from the vote to its next activity, committed", *_shown(admitted)),
        ("from the vote to the first stage, served", *_shown(exposed)),
    ]
    print_table(f"milliseconds, one after another, {VOTES} each", ("what", "p50", "p95", "max"), rows)


async def _ours(home: House) -> tuple[list[float], list[float], list[float]]:
    """Seconds from the last vote to its answer, to the admission that it releases, and to the first stage."""
    answered: list[float] = []
    admitted: list[float] = []
    exposed: list[float] = []
    ada, bob, cyd = ({"Authorization": f"Bearer {home.token(handle)}"} for handle in ("ada", "bob", "cyd"))
    async with httpx2.AsyncClient(base_url=f"{home.api}/api/v1", trust_env=False, timeout=30) as http:
        for number in range(VOTES):
            key = f"vote-{number}"
            async with home.store.transaction(home.tenant.id) as tx:
                flag = StoredFlag(Environment.PRODUCTION, key, 1, CLASSIC, "benchmark", None, tx.now)
                await tx.flags.put(flag, expected=0)
            change = (await _post(http, "/rollouts", ada, _proposal(key)))["rollout"]["id"]
            await _post(http, f"/approvals/{change}/approve", bob, {})
            began = time.perf_counter()
            await _post(http, f"/approvals/{change}/approve", cyd, {})
            answered.append(time.perf_counter() - began)
            await _until(home, UUID(change), lambda rollout: rollout.state is not State.AWAITING_APPROVAL)
            admitted.append(time.perf_counter() - began)
            await _until(home, UUID(change), lambda rollout: rollout.live_version > rollout.base_version)
            exposed.append(time.perf_counter() - began)
    return answered, admitted, exposed


async def _post(
    http: httpx2.AsyncClient, path: str, headers: dict[str, str], body: object
) -> dict[str, dict[str, str]]:
    response = await http.post(path, json=body, headers=headers)
    response.raise_for_status()
    answer: dict[str, dict[str, str]] = response.json()
    return answer


async def _until(home: House, change: UUID, seen: Callable[[Rollout], bool]) -> None:
    while True:
        async with home.store.transaction(home.tenant.id) as tx:
            rollout = await tx.rollouts.get(change)
        if rollout is not None and seen(rollout):
            return
        await asyncio.sleep(0.002)


def _proposal(key: str) -> dict[str, object]:
    return {
        "environment": "production", "key": key, "definition": {**CLASSIC, "defaultVariant": "b"}, "base_version": 1,
        "reason": "to be measured", "metrics": {"source": "telemetry"},
    }  # fmt: skip


async def _floor(client: Client) -> list[float]:
    queue, taken = f"floor-{uuid4()}", []
    async with Worker(client, task_queue=queue, workflows=[Floor], workflow_runner=UnsandboxedWorkflowRunner()):
        for _ in range(VOTES):
            handle = await client.start_workflow(Floor.run, id=f"floor-{uuid4()}", task_queue=queue)
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            await handle.execute_update(Floor.finish)
            taken.append(time.perf_counter() - began)
            await handle.result()
    return taken


def _shown(seconds: list[float]) -> tuple[str, str, str]:
    ordered = sorted(seconds)
    p95 = statistics.quantiles(ordered, n=20)[-1]
    return f"{statistics.median(ordered) * 1e3:.0f}", f"{p95 * 1e3:.0f}", f"{ordered[-1] * 1e3:.0f}"


if __name__ == "__main__":
    main()
