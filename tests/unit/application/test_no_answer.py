"""A database that gives no answer in the middle of an act has refused nobody: the act is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from adapters.memory.outbox import MemoryIntents
from domain.approvals import ApprovalPolicy, Level
from domain.errors import Unavailable
from domain.rollouts import State, Verb
from tests.world import World


@contextmanager
def silence() -> Iterator[None]:
    """Nobody is told that an act took effect, because nothing answers."""

    async def lost(_intents: MemoryIntents, _intent: UUID) -> None:
        raise Unavailable

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryIntents, "done", lost)
        yield


class TestNoAnswer:
    async def test_to_a_vote_is_no_refusal(self, world: World) -> None:
        submitted = await world.submit()
        with silence(), pytest.raises(Unavailable):
            await world.vote("bob", submitted.approval.id)
        await world.vote("bob", submitted.approval.id)
        assert len(await world.events("approval:vote:cast")) == 1
        assert await world.events("approval:vote:refused") == []

    async def test_to_a_withdrawal_is_no_refusal(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2),)))
        submitted = await world.submit()
        await world.vote("bob", submitted.approval.id)
        with silence(), pytest.raises(Unavailable):
            await world.approvals.withdraw_vote(world.bob, submitted.approval.id, "a second thought")
        assert await world.events("approval:vote:refused") == []
        assert len((await world.state(submitted.approval.id)).ballots) == 1

    async def test_to_an_operator_is_no_refusal(self, world: World) -> None:
        rollout = await world.running()
        with silence(), pytest.raises(Unavailable):
            await world.control("olu", rollout, Verb.PAUSE)
        assert await world.events("rollout:act:refused") == []
        assert await world.control("olu", rollout, Verb.PAUSE) is State.PAUSED
