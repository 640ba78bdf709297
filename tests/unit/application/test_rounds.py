"""Loops of a process go on through outages and defects, and end only when they are told to."""

import asyncio
from uuid import UUID, uuid4

import pytest

from application.rounds import Lanes, again_and_again, attended
from domain.errors import Conflict, Unavailable


class TestRounds:
    async def test_an_outage_only_delays_the_next_round(self) -> None:
        rounds = 0

        async def look() -> None:
            nonlocal rounds
            rounds += 1
            if rounds < 3:
                raise Unavailable
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await again_and_again("looks", look, 0)
        assert rounds == 3

    async def test_a_defect_of_the_look_itself_is_not_hidden(self) -> None:
        async def look() -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await again_and_again("looks", look, 0)


class TestRows:
    @pytest.mark.parametrize("defect", [Unavailable(), Conflict(), RuntimeError("a broken row")])
    async def test_what_fails_for_one_holds_up_no_other(self, defect: Exception) -> None:
        async def broken() -> None:
            raise defect

        await attended(broken(), what="row")

    async def test_to_be_told_to_stop_is_no_defect(self) -> None:
        async def stopped() -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await attended(stopped(), what="row")


class TestLanes:
    async def test_one_lane_that_hangs_leaves_room_for_the_others(self) -> None:
        lanes, over, done = Lanes(4, 2), asyncio.Event(), list[str]()

        async def hang() -> None:
            await over.wait()
            done.append("hung")

        async def leave() -> None:
            done.append("left")

        for _ in range(5):
            lanes.begin(uuid4(), "dead", hang)
        lanes.begin(uuid4(), "alive", leave)
        await asyncio.sleep(0)
        assert done == ["left"]
        over.set()
        await lanes.settled()
        assert done == ["left", "hung", "hung"]

    async def test_what_has_begun_is_not_begun_again(self) -> None:
        lanes, begun, call = Lanes(4, 4), 0, UUID(int=1)

        async def work() -> None:
            nonlocal begun
            begun += 1

        lanes.begin(call, "a", work)
        lanes.begin(call, "a", work)
        await lanes.settled()
        assert begun == 1
        lanes.begin(call, "a", work)
        await lanes.settled()
        assert begun == 2

    async def test_stopping_ends_what_was_begun(self) -> None:
        lanes, ended = Lanes(4, 4), asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        lanes.begin(uuid4(), "a", work)
        await asyncio.sleep(0)
        await lanes.stop()
        assert ended.is_set()
