"""A close or a reopening whose process is gone is started again, and nothing else is."""

from typing import Any

import pytest

from application.period_recovery import PeriodRecovery
from domain.closures import Act
from domain.errors import Unavailable
from tests.closes import WHY, Close
from tests.recorded import RecordingProcesses
from tests.reopenings import Window
from tests.world import World, at_once


class Lost:
    """A close in its tasks, and whoever looks."""

    def __init__(self, close: Close) -> None:
        world, self.close = close.world, close
        self.processes = RecordingProcesses(world.balloting, world.tenant.id)
        store: Any = world.store
        self.recovery = PeriodRecovery(store, self.processes)


@pytest.fixture
def close(world: World) -> Close:
    return at_once(Close(world).settle())


@pytest.fixture
def lost(close: Close) -> Lost:
    return Lost(close)


class TestClosures:
    async def test_are_left_alone_while_they_run(self, lost: Lost) -> None:
        await lost.close.frozen()
        assert await lost.recovery.look() == 0
        assert lost.processes.closures == []

    async def test_are_started_again_when_nothing_carries_them_on(self, lost: Lost) -> None:
        await lost.close.frozen()
        lost.processes.lost.add((await lost.close.view()).run.workflow_id)
        assert await lost.recovery.look() == 1
        assert lost.processes.closures == [lost.close.run_id]

    async def test_that_are_over_have_no_process(self, lost: Lost) -> None:
        await lost.close.frozen()
        lost.processes.lost.add((await lost.close.view()).run.workflow_id)
        await lost.close.act(lost.close.world.fin, Act.ABORT, reason=WHY)
        assert await lost.recovery.look() == 0

    async def test_that_end_while_they_are_looked_for_are_not_started(
        self, lost: Lost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await lost.close.frozen()

        async def gone(names: list[str]) -> set[str]:
            await lost.close.act(lost.close.world.fin, Act.ABORT, reason=WHY)
            return set(names)

        monkeypatch.setattr(lost.processes, "gone", gone)
        assert await lost.recovery.look() == 1
        assert lost.processes.closures == []

    async def test_are_not_concluded_to_be_lost_while_nobody_answers(self, lost: Lost) -> None:
        await lost.close.frozen()
        lost.processes.down = True
        with pytest.raises(Unavailable):
            await lost.recovery.look()
        assert lost.processes.closures == []


class TestReopenings:
    async def test_are_started_again_as_well(self, lost: Lost) -> None:
        await lost.close.closed()
        window = Window(lost.close)
        await window.open()
        assert await lost.recovery.look() == 0
        lost.processes.lost.add((await window.view()).reopening.workflow_id)
        assert await lost.recovery.look() == 1
        assert lost.processes.reopenings == [window.id]
