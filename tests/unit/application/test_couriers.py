import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from application.couriers import MOST_CALLS, MOST_EACH, Courier
from application.ports.outward import Errand
from domain.errors import Unavailable

TENANT = UUID(int=1)


class Piles:
    """Errands of two lanes; those of `stuck` never end."""

    def __init__(self, stuck: int, prompt: int) -> None:
        self.due = [Errand(TENANT, uuid4(), "stuck") for _ in range(stuck)]
        self.due += [Errand(TENANT, uuid4(), "prompt") for _ in range(prompt)]
        self.begun: list[UUID] = []
        self.done: list[UUID] = []
        self.all_done = asyncio.Event()

    async def errands(self) -> list[Errand]:
        return [each for each in self.due if each.id not in self.done]

    async def attend(self, _tenant: UUID, errand: UUID) -> None:
        self.begun.append(errand)
        if next(each for each in self.due if each.id == errand).lane == "stuck":
            await asyncio.Event().wait()
        self.done.append(errand)
        if {each.id for each in self.due if each.lane == "prompt"} <= set(self.done):
            self.all_done.set()


class TestLanes:
    @pytest.mark.req("S77")
    async def test_a_receiver_that_hangs_delays_nobody_else(self) -> None:
        piles = Piles(stuck=100, prompt=20)
        made = Courier(piles, piles.attend, pause=0)
        running = asyncio.create_task(made.run())
        await asyncio.wait_for(piles.all_done.wait(), 60)
        assert len(piles.begun) == 20 + MOST_EACH < MOST_CALLS
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async def test_a_defect_in_one_stops_no_other(self) -> None:
        piles = Piles(stuck=0, prompt=3)

        async def attend(tenant: UUID, errand: UUID) -> None:
            if errand == piles.due[0].id:
                raise ZeroDivisionError
            await piles.attend(tenant, errand)

        made = Courier(piles, attend)
        for _ in range(3):
            await made.round()
            await made.settled()
        assert len(piles.done) == 2

    async def test_an_outage_of_the_database_only_delays_it(self) -> None:
        class Away(Piles):
            looked = 0

            async def errands(self) -> list[Errand]:
                self.looked += 1
                if self.looked < 3:
                    raise Unavailable
                return await super().errands()

        piles = Away(stuck=0, prompt=2)
        running = asyncio.create_task(Courier(piles, piles.attend, pause=0).run())
        await asyncio.wait_for(piles.all_done.wait(), 60)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert len(piles.done) == 2
