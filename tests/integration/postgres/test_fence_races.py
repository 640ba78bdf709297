"""Words, persons and newer gates at the same time: a fence is settled once, and none is lost."""

import asyncio

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.fences.asking import of_run, outstanding, remind, request
from application.fences.cases import FenceCases
from application.ports.records import AuditFilter
from domain.fences import Fence, FenceSettled, FenceState
from domain.periods import PeriodGate
from tests.contract.fencing import RUN, Fenced, fenced, said
from tests.contract.homes import LONG_AGO, moved_in


@pytest_asyncio.fixture
async def place(store: PostgresStore) -> Fenced:
    return await fenced(await moved_in(store))


async def trail(place: Fenced, action: str) -> int:
    async with place.home.transaction() as tx:
        return len(await tx.audit.page(AuditFilter(action=action), None, 99))


async def move_and_ask(place: Fenced, way: str) -> list[Fence]:
    """As a close does: in one transaction."""
    async with place.home.transaction() as tx:
        gate: PeriodGate = (await tx.periods.hold([place.key]))[place.key]
        gate = getattr(gate, way)(place.home.ada.id, LONG_AGO, "because")
        await tx.periods.move([gate])
        return await request(tx, RUN, [gate], [place.period])


class TestSettling:
    async def test_a_word_and_a_person_at_once_settle_it_once(self, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed")
        settling = FenceCases.over(place.home.store).settling
        finance = place.person("fin")
        answers = await asyncio.gather(
            *(settling.acknowledge(place.speaker, fence.id, said(2)) for _ in range(5)),
            *(settling.exclude(finance, fence.id, "it is being replaced") for _ in range(5)),
            return_exceptions=True,
        )
        states = {each.state for each in answers if isinstance(each, Fence)}
        assert len(states) == 1
        refused = [each for each in answers if isinstance(each, BaseException)]
        assert {type(each) for each in refused} == {FenceSettled}
        acknowledged = await trail(place, "module:fence:acknowledged")
        assert acknowledged + await trail(place, "module:fence:excluded") == 1
        assert states == {FenceState.ACKNOWLEDGED if acknowledged else FenceState.EXCLUDED}

    @pytest.mark.req("FP55")
    async def test_a_word_and_a_newer_gate_at_once_leave_the_newer_asked(self, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed")
        settling = FenceCases.over(place.home.store).settling
        answers = await asyncio.gather(
            *(settling.acknowledge(place.speaker, fence.id, said(2)) for _ in range(3)),
            move_and_ask(place, "frozen"),
            *(settling.acknowledge(place.speaker, fence.id, said(2)) for _ in range(3)),
        )
        told = [each for each in answers if isinstance(each, Fence)]
        assert {(each.epoch, each.state) for each in told} <= {(2, FenceState.ACKNOWLEDGED), (3, FenceState.ASKED)}
        async with place.home.transaction() as tx:
            older, newer = await of_run(tx, RUN)
            assert await outstanding(tx, RUN) == [newer]
        assert (newer.epoch, newer.state) == (3, FenceState.ASKED)
        assert older.state in {FenceState.ACKNOWLEDGED, FenceState.SUPERSEDED}

    async def test_asked_and_reminded_by_many_it_is_told_once_each(self, place: Fenced) -> None:
        gate = await place.move("opened", "soft_closed")
        asked = await asyncio.gather(*(place.ask(gate) for _ in range(6)))
        assert len({each.id for (each,) in asked}) == 1

        async def again() -> None:
            async with place.home.transaction() as tx:
                await remind(tx, RUN, 2)

        await asyncio.gather(*(again() for _ in range(6)))
        async with place.home.transaction() as tx:
            (fence,) = await outstanding(tx, RUN)
        assert fence.attempts == 2
        assert await trail(place, "module:fence:asked") == 2
