"""Whether anything carries on what is open is asked for many at once; only who is missing is asked about alone."""

from uuid import UUID

import pytest

from application.ports.recovery import OpenRollouts
from application.recovery import PROCESS_LOST, Recovery
from domain.errors import Unavailable
from domain.rollouts import State
from tests.recorded import RecordingProcesses
from tests.world import World


class Counted(RecordingProcesses):
    """Knows which were asked about alone."""

    async def alive(self, rollout: UUID) -> bool:
        self.asked.append(rollout)
        return await super().alive(rollout)

    asked: list[UUID]


def counted(world: World) -> Counted:
    processes = Counted(world.balloting, world.tenant.id, started=world.processes.started)
    processes.asked = []
    return processes


def recovery(world: World, processes: RecordingProcesses) -> Recovery:
    store: OpenRollouts = world.store  # type: ignore[assignment]  # the twin answers it
    return Recovery(store, processes)


@pytest.mark.req("S75")
class TestLook:
    async def test_what_is_listed_is_not_asked_about(self, world: World) -> None:
        for key in ("a", "b", "c"):
            await world.submit(key=key)
        processes = counted(world)
        assert await recovery(world, processes).look() == 0
        assert processes.asked == []

    async def test_who_is_missing_is_asked_about_and_taken_back(self, world: World) -> None:
        waits, runs = (await world.submit(key="a")).rollout.id, await world.running(key="b")
        await world.submit(key="c")
        processes = counted(world)
        for each in (waits, runs):
            processes.started.remove(each)
        assert await recovery(world, processes).look() == 2
        assert set(processes.asked) == {waits, runs}
        gone = await world.rollout(waits)
        assert (gone.state, gone.cause) == (State.CANCELLED, PROCESS_LOST)
        assert runs in processes.started

    async def test_who_is_missing_only_in_the_list_is_left_alone(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs = await world.running()
        processes = counted(world)

        async def nobody(_: object) -> set[UUID]:
            return set()

        monkeypatch.setattr(processes, "running", nobody)
        assert await recovery(world, processes).look() == 0
        assert processes.asked == [runs]
        assert (await world.rollout(runs)).state is State.RUNNING

    async def test_while_nobody_answers_nothing_is_concluded(self, world: World) -> None:
        await world.running()
        processes = counted(world)
        processes.down = True
        with pytest.raises(Unavailable):
            await recovery(world, processes).look()
        assert processes.asked == []
