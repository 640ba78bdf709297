"""Who watches a deployment is told of it, whatever befell the reading."""

from contextlib import AbstractAsyncContextManager
from typing import cast
from uuid import UUID

from application.deployments.following import Following, Mark, Told
from application.ports.store import Store, Transaction
from domain.rollouts import State, Transition
from tests.world import World


class Stumbling:
    """A store that has a defect `falls` times, after it was asked once."""

    def __init__(self, store: Store, falls: int) -> None:
        self._store = store
        self._answers = [True, *[False] * falls]

    def transaction(self, tenant: UUID) -> AbstractAsyncContextManager[Transaction]:
        if self._answers and not self._answers.pop(0):
            raise RuntimeError("a defect")
        return self._store.transaction(tenant)


class TestFollowing:
    async def test_goes_on_after_a_defect(self, world: World) -> None:
        rollout = (await world.submit()).rollout
        following = Following(cast(Store, Stumbling(world.store, 2)), pause=0.01)
        async with following.seated(world.eve, rollout.id) as followed:
            told = await following.next(world.eve, followed, Told(Mark(), followed.rollout), seconds=30)
        moves = [word.to_state for _, word in told.words if isinstance(word, Transition)]
        assert moves == [State.AWAITING_APPROVAL]
