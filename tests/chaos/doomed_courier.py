"""The product's worker, which kills itself once every errand stands where it was ordered to die.

`python -m tests.chaos.doomed_courier ORDERS`: ORDERS is JSON. An address stands `before` it is called, or `after` it
has answered and before anybody has written that down; a request stands `voted` once a vote from outside has counted
and before its ticket says so. What has reached its place stays there until all have; then comes SIGKILL.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from adapters.egress.client import EgressClient
from adapters.settings import Settings
from adapters.temporal.processes import TemporalProcesses
from application.couriers import Courier
from application.ports.egress import EgressResponse
from bootstrap import Parts
from domain.approvals import Answer
from worker import run


class Fate:
    def __init__(self, orders: Mapping[str, str]) -> None:
        self._orders = dict(orders)
        self._reached: set[str] = set()

    async def stand(self, where: str, side: str) -> None:
        for name, wanted in self._orders.items():
            if wanted == side and where.startswith(name):
                self._reached.add(name)
                if len(self._reached) == len(self._orders):
                    os.kill(os.getpid(), signal.SIGKILL)
                await asyncio.Event().wait()


class LastCalls(EgressClient):
    def __init__(self, fate: Fate) -> None:
        super().__init__(allow_loopback=True)
        self._fate = fate

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> EgressResponse:
        await self._fate.stand(url, "before")
        answer = await super().request(method, url, headers=headers, body=body)
        await self._fate.stand(url, "after")
        return answer


class LastVotes(TemporalProcesses):
    def __init__(self, processes: TemporalProcesses, fate: Fate) -> None:
        super().__init__(processes._reach, processes._queue)
        self._fate = fate

    async def vote(self, approval: UUID, answer: Answer, voter: UUID, assertion: str) -> None:
        await super().vote(approval, answer, voter, assertion)
        await self._fate.stand(str(approval), "voted")


@dataclass(frozen=True)
class DoomedParts(Parts):
    fate: Fate

    @cached_property
    def egress(self) -> EgressClient:
        return LastCalls(self.fate)

    def courier(self, processes: TemporalProcesses) -> Courier:
        return super().courier(LastVotes(processes, self.fate))


async def main(orders: Mapping[str, str]) -> None:
    made = DoomedParts(Settings.read(), Fate(orders))
    try:
        await run(made, asyncio.Event())
    finally:
        await made.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
