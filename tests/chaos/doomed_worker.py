"""A worker composed like the product's, which kills itself once every rollout stands where it was ordered to die.

`python -m tests.chaos.doomed_worker QUEUE ORDERS START PASSED`: ORDERS is a JSON file, change id to [n, side]: the
n-th activity of that change, `before` it had its effect or `after` its effect was committed. An activity that reached
its place stays there, as if the machine were slow, until all have reached theirs; then comes SIGKILL. Without orders
it works like any other worker. START is when the scripted counters begin; PASSED is a file that gets one line for
each activity: change, number, name.
"""

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

from activities.approvals import ApprovalActivities
from activities.converging import ConvergingActivities
from activities.restoring import RestoringActivities
from activities.rollouts import RolloutActivities
from adapters.memory.metrics import ScriptedSource, Traffic, constant
from adapters.settings import Settings
from adapters.temporal.client import connect
from adapters.temporal.worker import build_worker
from application.admission import Admitting
from application.balloting import Balloting
from application.controls import Controlling
from application.convergence import Converging
from application.gating import Gating
from application.progression import Progression
from application.restoring import Restoring
from bootstrap import Parts, parts
from domain.gates import CohortQuery, CohortReading, ProviderError
from worker import smoke

TRAFFIC = {
    "classic": Traffic(constant(90_000), constant(0.01)),
    "express": Traffic(constant(10_000), constant(0.01)),
    "turbo": Traffic(constant(10_000), constant(0.9)),
}


class Counters(ScriptedSource):
    """What is no variant is a tenant, and is well unless its name says otherwise."""

    async def read_cohort(self, query: CohortQuery, at: datetime) -> CohortReading | ProviderError:
        self._meet(query)
        return await super().read_cohort(query, at)

    async def past_cohort(
        self, query: CohortQuery, until: datetime, step: timedelta, windows: int
    ) -> Sequence[CohortReading] | ProviderError:
        self._meet(query)
        return await super().past_cohort(query, until, step, windows)

    def _meet(self, query: CohortQuery) -> None:
        for slug, _ in query.tenants:
            if slug not in self._traffic:
                self.drive(slug, TRAFFIC["turbo" if slug.startswith("broken") else "express"])


class Fate(ClientInterceptor, WorkerInterceptor):
    """Counts the activities of each change, and holds each where its order says."""

    def __init__(self, orders: dict[str, tuple[int, str]], passed: TextIO) -> None:
        self._orders = orders
        self._passed = passed
        self._known: dict[str, list[str]] = defaultdict(list)
        self._reached: set[str] = set()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 -- the SDK's name
        return _Fated(next, self)

    async def stand(self, side: str) -> None:
        info = activity.info()
        change = str(info.workflow_id).rpartition("/")[2]
        known, name = self._known[change], f"{info.workflow_id}/{info.activity_id}"
        if name not in known:  # a second attempt is no second activity
            known.append(name)
            self._passed.write(f"{change} {len(known)} {info.activity_type}\n")
            self._passed.flush()
        if self._orders.get(change) == (known.index(name) + 1, side):
            self._reached.add(change)
            if len(self._reached) == len(self._orders):
                os.kill(os.getpid(), signal.SIGKILL)
            while True:  # who is slow is no corpse: it goes on saying that it lives
                activity.heartbeat()
                await asyncio.sleep(1)


class _Fated(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, fate: Fate) -> None:  # noqa: A002 -- the SDK's name
        super().__init__(next)
        self._fate = fate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 -- the SDK's name
        await self._fate.stand("before")
        outcome = await super().execute_activity(input)
        await self._fate.stand("after")
        return outcome


def fated(client: Client, fate: Fate) -> Client:
    """A worker takes over the interceptors of its client."""
    config = client.config()
    config["interceptors"] = [*config["interceptors"], fate]
    return Client(**config)


async def run(made: Parts, queue: str, fate: Fate, start: datetime) -> None:
    client = fated(await connect(made.settings.temporal_address), fate)
    rollouts = RolloutActivities(
        Progression(made.store),
        Gating(made.store, Counters(start, TRAFFIC)),
        Controlling(made.store, made.verifier),
        Admitting(made.store),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    approvals = ApprovalActivities(Balloting(made.store, made.verifier))
    more = [RestoringActivities(Restoring(made.store)), ConvergingActivities(Converging(made.store)), smoke(made)]
    async with build_worker(client, approvals, rollouts, queue, more=more):
        await stop.wait()


async def main(queue: str, fate: Fate, start: datetime) -> None:
    async with parts(Settings()) as made:  # type: ignore[call-arg]  # the environment gives what has no default
        await run(made, queue, fate, start)


def ordered(file: str) -> dict[str, tuple[int, str]]:
    return {change: (int(number), side) for change, (number, side) in json.loads(Path(file).read_text()).items()}


if __name__ == "__main__":
    with Path(sys.argv[4]).open("a") as lines:
        asyncio.run(main(sys.argv[1], Fate(ordered(sys.argv[2]), lines), datetime.fromisoformat(sys.argv[3])))
