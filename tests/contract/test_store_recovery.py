from dataclasses import replace

import pytest

from adapters.memory.store import MemoryStore
from application.ports.recovery import OpenRollout
from domain.rollouts import State
from tests.contract.homes import Home

LOOKS = 20


async def open_ones(home: Home) -> set[OpenRollout]:
    """Of this tenant only: the store of the contract is everybody's, and where many wait a look tells of some."""
    found: set[OpenRollout] = set()
    for _ in range(LOOKS):
        found |= set(await home.store.open_rollouts())  # type: ignore[attr-defined]  # both stores answer
    return {each for each in found if each.tenant == home.tenant.id}


class TestOpenRollouts:
    @pytest.mark.req("S75")
    async def test_are_those_that_were_started_and_have_not_ended(self, home: Home) -> None:
        change = await home.submitted()
        assert await open_ones(home) == set()
        async with home.transaction() as tx:
            await tx.rollouts.mark_started(change.id)
        assert await open_ones(home) == {OpenRollout(home.tenant.id, change.id)}

    @pytest.mark.req("S75")
    @pytest.mark.parametrize(
        ("state", "found"),
        [
            (State.RUNNING, True),
            (State.PAUSED, True),
            (State.BAKING, True),
            (State.ROLLING_BACK, True),
            (State.ROLLBACK_INCOMPLETE, True),
            (State.SCHEDULED, True),
            (State.SUCCEEDED, False),
            (State.ROLLED_BACK, False),
            (State.SUPERSEDED, False),
        ],
    )
    async def test_whatever_they_are_doing(self, home: Home, state: State, found: bool) -> None:  # noqa: FBT001 -- a parameter of the case
        change = await home.submitted()
        async with home.transaction() as tx:
            await tx.rollouts.mark_started(change.id)
            rollout = await tx.rollouts.get(change.id, lock=True)
            assert rollout is not None
            await tx.rollouts.save(replace(rollout, state=state, revision=rollout.revision + 1))
        assert bool(await open_ones(home)) is found

    async def test_the_twin_answers_too(self) -> None:
        assert await MemoryStore().open_rollouts() == []
