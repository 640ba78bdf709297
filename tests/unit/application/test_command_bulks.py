"""A bulk operation over the memory store: carried on although nobody answers, put to others, and told when it rests."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.bulks.asking import BulkWish
from application.bulks.cases import BulkCases
from application.bulks.stand import BulkStand, BulkStep, Next
from application.ports.parked import ParkedFilter
from application.sweeping import Sweeper
from domain.approvals import Standing, default_policy
from domain.changes import Kind
from domain.commands import (
    Command,
    CommandError,
    CommandRecord,
    CommandState,
    CommandType,
    Options,
    ParkedKind,
    fingerprint,
)
from domain.commands.bulk import Bulk, BulkAct, BulkDecision, BulkState, NothingParked, Pace
from domain.commands.operations import Act, OperationConflict
from domain.environments import Environment
from domain.errors import Missing, Stale
from domain.people import PermissionMissing
from tests.world import World

WHY = "the account is there now"
WRONG = CommandError("permanent", "no-account", "there is no such account", None, "f-account")
TYPE = "ledger.post-journal"


class Story:
    def __init__(self, world: World) -> None:
        self.world = world
        self.processes: Any = world.processes
        self.cases = BulkCases.over(world.store, self.processes)

    async def park(self, *ids: str) -> None:
        tenant = self.world.tenant.id
        async with self.world.store.transaction(tenant) as tx:
            for each in ids:
                command = Command(TYPE, each, {}, options=Options(correlation=uuid4()))
                record = CommandRecord(command, tenant, fingerprint(command), None, tx.now, tx.now)
                await tx.commands.add([record])
                (leased,) = await tx.commands.lease("ledger", 1, tx.now, uuid4())
                (begun,) = await tx.commands.save([leased.started()])
                await tx.commands.save([begun.parked_as(ParkedKind.PERMANENT, WRONG)])

    async def execute(self, *, well: bool = True) -> None:
        """Everything that is due."""
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            leased = await tx.commands.lease("ledger", 1000, tx.now, uuid4())
            begun = await tx.commands.save([each.started() for each in leased])
            ends = [
                each.completed(None, tx.now) if well else each.parked_as(ParkedKind.PERMANENT, WRONG) for each in begun
            ]
            await tx.commands.save(ends)

    async def ask(self, handle: str = "olu", new: UUID | None = None, act: Act = Act.RETRY, **facts: Any) -> Bulk:
        decision = BulkDecision(act, WHY, {"domain": "ledger"}, pace=Pace(per_second=500), **facts)
        wish = BulkWish(new or uuid4(), decision, ParkedFilter(domain="ledger"))
        return await self.cases.asking.ask(self.world.people[handle], wish)

    async def policy(self) -> None:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            policy = default_policy(Environment.PRODUCTION, Kind.COMMAND_REPAIR)
            await tx.policies.put(Environment.PRODUCTION, Kind.COMMAND_REPAIR, policy)

    async def lead(self, bulk: Bulk, *, well: bool = True) -> BulkStand:
        """As its process does, until it rests or waits for a person."""
        step = BulkStep(bulk.tenant, bulk.id)
        stand = await self.cases.carrying.look(step)
        while stand.next in {Next.ACT, Next.SETTLE}:
            if stand.next is Next.ACT:
                stand = await self.cases.carrying.act(step)
                await self.execute(well=well)
            else:
                stand = await self.cases.carrying.settle(step)
        return stand


@pytest.fixture
def story(world: World) -> Story:
    return Story(world)


class TestAsked:
    @pytest.mark.req("CB-46")
    async def test_once_under_its_id(self, story: Story) -> None:
        with pytest.raises(NothingParked):
            await story.ask()
        await story.park("1")
        new = uuid4()
        first = await story.ask(new=new)
        await story.park("2")
        assert await story.ask(new=new) == first
        with pytest.raises(OperationConflict):
            await story.ask(new=new, act=Act.CANCEL)
        with pytest.raises(PermissionMissing):
            await story.ask("ada")

    @pytest.mark.req("CB-47")
    async def test_what_reaches_no_process_is_carried_on_by_the_sweeper(self, story: Story) -> None:
        await story.park("1")
        story.processes.down = True
        bulk = await story.ask()
        story.processes.down = False
        assert story.processes.bulks == []
        story.world.clock += timedelta(seconds=3)
        sweeper = Sweeper(story.world.store, story.processes)
        await sweeper.sweep()
        await sweeper.sweep()
        assert story.processes.bulks == [bulk.id]
        story.world.clock += timedelta(minutes=2)
        await sweeper.sweep()
        assert story.processes.bulks == [bulk.id] * 2
        await story.lead(bulk)
        story.world.clock += timedelta(minutes=2)
        await sweeper.sweep()
        assert story.processes.bulks == [bulk.id] * 2


class TestCarried:
    @pytest.mark.req("CB-45")
    async def test_whoever_asked_is_told_when_it_rests(self, story: Story) -> None:
        await story.park(*"12345")
        stopped = await story.lead(await story.ask(), well=False)
        assert (stopped.state, stopped.touched, stopped.stage, stopped.stages) == (BulkState.STOPPED, 1, 1, 2)
        assert await story.world.told("command_bulk_rests") == {"olu", None}
        done = await story.lead(await story.ask())
        assert (done.state, done.percent) == (BulkState.DONE, 100)

    async def test_a_step_that_is_done_again_changes_nothing(self, story: Story) -> None:
        await story.park("1", "2")
        bulk = await story.ask()
        step = BulkStep(bulk.tenant, bulk.id)
        first = await story.cases.carrying.act(step)
        assert await story.cases.carrying.act(step) == BulkStand(**{**vars(first), "rest": 0.0})
        assert (await story.cases.carrying.settle(step)).next is Next.SETTLE
        with pytest.raises(Missing):
            await story.cases.carrying.look(BulkStep(bulk.tenant, uuid4()))


class TestAnother:
    async def test_is_asked_about_what_moves_money_however_little(self, story: Story) -> None:
        await story.policy()
        await story.park("1")
        assert (await story.ask()).state is BulkState.RUNNING
        store: Any = story.world.store
        await store.put_command_types([CommandType(TYPE, 1, {}, {"money": True})])
        bulk = await story.ask()
        assert bulk.state is BulkState.AWAITING_APPROVAL
        waits = await story.lead(bulk)
        assert (waits.next, waits.asked and waits.asked.approval) == (Next.VOTE, bulk.approval)
        step = BulkStep(bulk.tenant, bulk.id)
        assert (await story.cases.carrying.answered(step)).state is BulkState.AWAITING_APPROVAL
        async with story.world.store.transaction(bulk.tenant) as tx:
            await tx.approvals.close(bulk.approval or uuid4(), Standing.APPROVED)
        assert (await story.cases.carrying.answered(step)).next is Next.ACT


class TestOperated:
    async def test_over_the_version_that_was_seen(self, story: Story) -> None:
        await story.park("1")
        bulk = await story.ask()
        pause = (uuid4(), BulkAct.PAUSE, WHY)
        with pytest.raises(Stale):
            await story.cases.operating.act(story.world.olu, bulk.id, 7, pause)
        paused = await story.cases.operating.act(story.world.olu, bulk.id, 1, pause)
        assert await story.cases.operating.act(story.world.olu, bulk.id, 1, pause) == paused
        with pytest.raises(PermissionMissing):
            await story.cases.operating.act(story.world.ada, bulk.id, 2, (uuid4(), BulkAct.ABORT, WHY))
        told = len(story.processes.bulks)
        await story.cases.operating.act(story.world.olu, bulk.id, 2, (uuid4(), BulkAct.ABORT, WHY))
        assert len(story.processes.bulks) == told + 1
        moves = await story.world.events("command:bulk:moved")
        assert [(row.event["after"]["state"], row.event["reason"]) for row in moves] == [
            ("paused", WHY), ("aborted", WHY),
        ]  # fmt: skip

    async def test_aborted_it_ends_when_what_it_retried_has_come_somewhere(self, story: Story) -> None:
        await story.park("1", "2")
        bulk = await story.ask()
        step = BulkStep(bulk.tenant, bulk.id)
        await story.cases.carrying.act(step)
        aborting = await story.cases.operating.act(story.world.olu, bulk.id, 1, (uuid4(), BulkAct.ABORT, WHY))
        assert aborting.bulk.state is BulkState.ABORTING
        assert (await story.cases.carrying.settle(step)).state is BulkState.ABORTING
        await story.execute()
        assert (await story.cases.carrying.settle(step)).state is BulkState.ABORTED
        async with story.world.store.transaction(bulk.tenant) as tx:
            states = [(await tx.commands.get(("ledger", each))) for each in ("1", "2")]
        assert [each and each.state for each in states] == [CommandState.COMPLETED, CommandState.PARKED]
