import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded.stack import Stack
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.ports.records import AuditFilter, StoredFlag
from domain.approvals import ApprovalClosed, ApprovalPolicy, Level
from domain.changes import ChangeSet, ChangeStatus, TargetBusy
from domain.environments import Environment
from domain.errors import Invalid, Unavailable
from domain.rollouts import StaleGeneration, State
from tests.world import OFF, ON, PRODUCTION, Clock, World, world_in

DEV = Environment.DEV


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    """The same stories as in memory, on the real database."""
    return await world_in(store, Clock())


async def facts(world: World, change: UUID) -> tuple[Any, ...]:
    """What the database says of a change: its rows, and the events that speak of it."""
    async with world.store.transaction(world.tenant.id) as tx:
        found = await tx.changes.get(change)
        rows = (await tx.approvals.get(change), await tx.rollouts.get(change), await tx.rollouts.timeline(change))
        events = await tx.audit.page(AuditFilter(change=change), None, 100)
        assert found is not None
        return found.status, *rows, sorted(row.event["action"] for row in events)


class TestRacedSubmission:
    @pytest.mark.req("S81", "I3")
    async def test_who_does_not_wait_learns_who_holds_it(self, world: World) -> None:
        holder = (await world.approved()).rollout.id
        changes = [await world.propose(plan={"on_conflict": "reject"}) for _ in range(6)]
        await world.admit(holder)

        async def submit(change: ChangeSet) -> UUID | str:
            try:
                return (await world.submission.submit(world.ada, change.id)).rollout.id
            except TargetBusy as refusal:
                return str(refusal.facts["holder"])

        answers = await asyncio.gather(*(submit(change) for change in changes))
        assert answers == [str(holder)] * 6
        for change in changes:
            assert (await facts(world, change.id))[0] is ChangeStatus.DRAFT


class TestRacedVotes:
    @pytest.mark.req("S7")
    async def test_two_last_votes_close_once(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(),)))
        submitted = await world.submit()
        answers = await asyncio.gather(
            *(world.vote(handle, submitted.approval.id) for handle in ("bob", "cyd", "dee", "abe")),
            return_exceptions=True,
        )
        assert sum(answer is None for answer in answers) == 1
        assert all(answer is None or isinstance(answer, ApprovalClosed) for answer in answers)
        assert len(await world.events("approval:request:closed")) == 1
        assert len(await world.events("approval:vote:cast")) == 1

    @pytest.mark.req("S7")
    async def test_a_quorum_is_completed_once(self, world: World) -> None:
        await world.policy(ApprovalPolicy((Level(quorum=2), Level())))
        submitted = await world.submit()
        await asyncio.gather(*(world.vote(handle, submitted.approval.id) for handle in ("bob", "cyd")))
        assert (await world.state(submitted.approval.id)).level == 1
        assert len(await world.events("approval:level:completed")) == 1


class TestRacedWrites:
    @pytest.mark.req("S76")
    async def test_a_kill_and_a_stage_do_not_wait_for_each_other(self, world: World) -> None:
        rollout = await world.running()
        await world.judged(rollout)
        killed, exposed = await asyncio.gather(
            world.kill_switch.kill(world.root, PRODUCTION, "checkout", variant=None, reason="it burns"),
            world.progression.expose(world.step(rollout), 1),
            return_exceptions=True,
        )
        assert not isinstance(killed, BaseException)
        assert exposed == 3 or isinstance(exposed, StaleGeneration)
        async with world.store.transaction(world.tenant.id) as tx:
            present = await tx.flags.get(PRODUCTION, "checkout")
        assert present is not None
        assert (present.origin, present.definition) == ("kill", OFF)

    async def test_who_holds_the_flag_writes_without_a_deadlock(self, world: World) -> None:
        await world.put()
        held, release = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with world.store.transaction(world.tenant.id) as tx:
                flag = await tx.flags.get(PRODUCTION, "checkout", lock=True)
                assert flag is not None
                held.set()
                await release.wait()
                await tx.flags.put(StoredFlag(PRODUCTION, "checkout", 2, ON, "kill", None, tx.now), expected=1)

        async def write() -> None:
            await held.wait()
            async with world.store.transaction(world.tenant.id) as tx:
                asyncio.get_running_loop().call_later(0.3, release.set)
                await tx.flags.put(StoredFlag(PRODUCTION, "checkout", 2, OFF, "rollout", None, tx.now), expected=1)

        first, second = await asyncio.gather(hold(), write(), return_exceptions=True)
        assert first is None
        assert isinstance(second, StaleGeneration)

    async def test_a_rule_does_not_go_while_a_flag_comes_to_name_it(self, world: World) -> None:
        """Both look before either writes; the second writer looks again at what the first has committed."""
        rules, naming = {"staff": {"var": "email"}}, {**OFF, "targeting": {"if": [{"$ref": "staff"}, "on", None]}}
        for key in [f"till-{number}" for number in range(12)]:
            before = await world.shared_rules.get(world.ada, DEV)
            version = before.version if before else 0
            if before is None or before.definition != rules:
                await world.shared_rules.replace(world.ada, DEV, rules, expected=version, reason="again")
                version += 1
            flag, gone = await asyncio.gather(
                world.flags.create(world.ada, (DEV, key), naming, "names it"),
                world.shared_rules.replace(world.ada, DEV, {}, expected=version, reason="unused"),
                return_exceptions=True,
            )
            assert sorted(isinstance(each, Invalid) for each in (flag, gone)) == [False, True], (flag, gone)
            if not isinstance(flag, Invalid):
                await world.flags.update(world.ada, (DEV, key), OFF, expected=1, reason="done")

    async def test_of_two_creations_one_is_stale(self, world: World) -> None:
        async def create() -> None:
            async with world.store.transaction(world.tenant.id) as tx:
                await tx.flags.put(StoredFlag(PRODUCTION, "new", 1, OFF, "api", None, tx.now), expected=0)

        answers = await asyncio.gather(create(), create(), return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "StaleGeneration"]


class Cutter:
    """An engine whose connection is killed by the server before its statement number `at`."""

    def __init__(self, engine: AsyncEngine, stack: Stack) -> None:
        self.engine, self.stack = engine, stack
        self.at, self.count = 0, 0
        event.listen(engine.sync_engine, "before_cursor_execute", self.before)

    def before(self, connection: Any, *_: Any) -> None:
        self.count += 1
        if self.count == self.at:
            raw = connection.connection.dbapi_connection
            raw.run_async(self.cut)

    async def cut(self, line: asyncpg.Connection) -> None:
        other = await asyncpg.connect(self.stack.endpoints.database_superuser_url)
        try:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", line.get_server_pid())
        finally:
            await other.close()


@pytest_asyncio.fixture
async def cutter(database_url: str, stack: Stack) -> AsyncIterator[Cutter]:
    engine = connect(database_url, pool_size=1)
    yield Cutter(engine, stack)
    await engine.dispose()


class TestCutLine:
    @pytest.mark.req("AU-01")
    async def test_leaves_all_of_a_submission_or_nothing(self, world: World, cutter: Cutter) -> None:
        await world.put()
        on_cut = World(PostgresStore(cutter.engine), world.tenant, world.clock)
        on_cut.people, cuts = world.people, 0
        while True:
            change = await world.propose()
            before = await facts(world, change.id)
            cutter.count, cutter.at = 0, cuts + 1
            try:
                await on_cut.submission.submit(world.ada, change.id)
            except Unavailable:
                after = await facts(world, change.id)
                if after[0] is ChangeStatus.DRAFT:
                    assert after == before
                else:
                    await assert_whole(world, change.id)
                    await free(world, change.id)
                cuts += 1
                continue
            break
        assert cuts > 15
        await assert_whole(world, change.id)

    async def test_is_no_defect_of_ours(self, world: World, cutter: Cutter) -> None:
        cutter.count, cutter.at = 0, 2
        with pytest.raises(Unavailable):
            await PostgresStore(cutter.engine).tenant(world.tenant.slug)
        assert await PostgresStore(cutter.engine).tenant(world.tenant.slug) == world.tenant


async def assert_whole(world: World, change: UUID) -> None:
    status, approval, rollout, lines, actions = await facts(world, change)
    assert (status, rollout.state, len(lines)) == (ChangeStatus.SUBMITTED, State.AWAITING_APPROVAL, 1)
    assert approval is not None
    assert actions == [
        "approval:request:opened", "change:record:created", "change:record:submitted", "rollout:state:moved",
    ]  # fmt: skip


async def free(world: World, change: UUID) -> None:
    await world.progression.settle(world.step(change), State.CANCELLED, "the next cut needs the target")
