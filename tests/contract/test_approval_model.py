"""Whatever people do, and in whatever order: one human one vote, nobody's own, and an end that stays."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from application.bypassing import Emergency
from application.closing import drop_votes
from application.emergencies import Emergencies
from application.groups import Groups
from application.ports.records import Delegation
from domain.approvals import Answer, Approval, ApprovalPolicy, Fallback, Level, Standing
from domain.errors import Refusal
from domain.people import Actor, Role
from domain.rollouts import State
from tests.world import PEOPLE, Clock, World, at_once, world_in

ACTORS = ("ada", "abe", "bob", "cyd", "dee", "eve", "shop")
DOWN = Emergency("INC-7", "the shop is down and nobody answers")
Move = tuple[str, str, str]
"""What is done, by whom, and with whom."""
OFTEN = ("approve", "for", "lend", "withdraw", "escalate", "join", "look", "start", "lose", "regain", "revoke")
ACTS = (*OFTEN, *("approve", "for", "lend") * 6, *OFTEN, "reject", "expire", "break")
MOVES = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(ACTORS), st.sampled_from(ACTORS)), max_size=40)


@dataclass
class Play:
    """One request in one world, and what has been seen of it."""

    world: World
    change: UUID
    lent: list[Delegation] = field(default_factory=list)
    version: int = 0
    seen: Standing = Standing.PENDING

    async def move(self, act: str, who: str, whom: str) -> None:
        world, actor = self.world, await self.actor(who)
        deeds: dict[str, Callable[[], Awaitable[object]]] = {
            "approve": lambda: self.vote(who, Answer.APPROVE),
            "reject": lambda: self.vote(who, Answer.REJECT),
            "for": lambda: self.vote_for(whom),
            "withdraw": lambda: world.approvals.withdraw_vote(actor, self.change, "thought again"),
            "lend": lambda: self.lend(who, whom),
            "revoke": lambda: self.revoke(who),
            "lose": lambda: world.tenants.set_roles(world.root, who, frozenset(), "left"),
            "regain": lambda: world.tenants.set_roles(world.root, who, frozenset(PEOPLE.get(who, ())), "is back"),
            "escalate": self.escalate,
            "join": lambda: self.join(who),
            "look": lambda: world.state(self.change),
            "start": self.start,
            "expire": lambda: world.balloting.expire(world.tenant.id, self.change, world.clock()),
            "break": lambda: Emergencies(world.store, world.processes, world.submission).break_glass(
                world.olu, self.change, DOWN
            ),
        }
        with suppress(Refusal):  # a rule held
            await deeds[act]()
        await self.holds(act)

    async def actor(self, who: str) -> Actor:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            found = await tx.people.actor(self.world.people[who].id)
        assert found is not None
        return found

    async def vote(self, who: str, answer: Answer, **more: UUID) -> None:
        self.world.people[who] = await self.actor(who)
        await self.world.vote(who, self.change, answer, **more)

    async def vote_for(self, whom: str) -> None:
        """Some delegate votes for some giver."""
        if self.lent:
            lent = self.lent[ACTORS.index(whom) % len(self.lent)]
            handles = {person.id: handle for handle, person in self.world.people.items()}
            await self.vote(handles[lent.taker], Answer.APPROVE, behalf=lent.giver)

    async def lend(self, who: str, whom: str) -> None:
        now = self.world.clock()
        loan = (self.world.people[who], whom, now - timedelta(days=1), now + timedelta(days=365 * 50))
        self.lent.append(await self.world.delegations.delegate(*loan, "on holiday"))

    async def revoke(self, who: str) -> None:
        for each in self.lent:
            await self.world.delegations.revoke(self.world.people[who], each.id, "back")

    async def escalate(self) -> None:
        await self.world.balloting.escalate(self.world.tenant.id, self.change, (await self.now()).tally.level)

    async def join(self, who: str) -> None:
        groups = Groups(self.world.store)
        await groups.put(self.world.root, "duty", [who], expected=self.version, reason="on duty")
        self.version += 1

    async def start(self) -> None:
        """The look at the voters before a change starts, which takes away what does not count any more."""
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            rollout = await tx.rollouts.get(self.change, lock=True)
            approval = await tx.approvals.get(self.change, lock=True)
            if rollout is not None and approval is not None and approval.standing is Standing.APPROVED:
                before = len(approval.ballots)
                await drop_votes(tx, rollout, "approver_no_longer_eligible")
                after = await tx.approvals.get(self.change)
                if after is not None and len(after.ballots) < before:
                    self.seen = Standing.PENDING
                else:
                    await tx.approvals.close(self.change, Standing.APPROVED)

    async def now(self) -> Approval:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            found = await tx.approvals.get(self.change)
        assert found is not None
        return found

    async def holds(self, act: str) -> None:
        approval = await self.now()
        spent = Counter(
            person for each in approval.ballots for person in (each.voter, each.behalf) if person is not None
        )
        assert max(spent.values(), default=0) <= 1, act
        assert not set(spent) & set(approval.authors), act
        assert self.world.people["shop"].id not in spent, act
        assert {each.digest for each in approval.ballots} <= {approval.digest}, act
        if self.seen is not Standing.PENDING:
            assert approval.standing is self.seen, act
        if approval.standing is Standing.APPROVED:
            yes = Counter(each.level for each in approval.ballots if each.answer is Answer.APPROVE)
            assert all(yes[index] >= level.quorum for index, level in enumerate(approval.policy.levels)), act
            assert all(each.answer is Answer.APPROVE for each in approval.ballots), act
        assert all(each.level in approval.escalated for each in approval.ballots if each.escalated), act
        self.seen = approval.standing


async def begun(world: World) -> Play:
    second = Level((Role.APPROVER,), (), 2, ("duty",))
    first = Level((), (world.bob.id,), 1, ("duty",), Fallback((), (world.dee.id, world.abe.id)))
    await world.policy(ApprovalPolicy((first, second)))
    submitted = await world.submit(contributors=(world.abe.id,), plan={"strategy": "direct"})
    assert submitted.rollout.state is State.AWAITING_APPROVAL
    return Play(world, submitted.change.id)


async def played(world: World, moves: list[Move]) -> None:
    play = await begun(world)
    for each in moves:
        await play.move(*each)


class TestApproval:
    @given(MOVES)
    @settings(max_examples=100, deadline=None)
    def test_in_memory_no_order_of_acts_breaks_a_rule(self, moves: list[Move]) -> None:
        clock = Clock()
        at_once(played(at_once(world_in(MemoryStore(clock), clock)), moves))

    @pytest.mark.parametrize("seed", range(4))
    async def test_nor_in_the_database(self, store: PostgresStore, seed: int) -> None:
        dice = random.Random(seed)
        moves = [(dice.choice(ACTS), dice.choice(ACTORS), dice.choice(ACTORS)) for _ in range(40)]
        await played(await world_in(store, Clock()), moves)
