"""A long command is executed alone on PostgreSQL: once, with its effect, and canceled by whoever may."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from application.commands.lasting import Lasting
from application.commands.living import Living
from domain.commands import CommandRecord, CommandState, ParkedKind
from domain.commands.operations import Act, Operation
from domain.commands.outcomes import BusinessRule, Permanent
from tests.builds import Builds, building
from tests.chaos.conftest import eventually
from tests.works import Site, for_ever

S = CommandState
BUILDS = {"type": "works.build"}
REBUILDS = {"type": "works.rebuild"}


def unseen(_told: int) -> None:
    """Nobody watches this process."""


@pytest.fixture
def builds(site: Site) -> Builds:
    return building(site)


@pytest.fixture
def lasting(site: Site, builds: Builds) -> Lasting:
    del builds
    return another(site)


def another(site: Site) -> Lasting:
    return Lasting(site.store, site.handlers, Living(site.store, beat=0.05))


async def execute(site: Site, lasting: Lasting) -> CommandRecord | None:
    return await lasting.execute(site.tenant, await site.lease(1), unseen)


async def begun(site: Site, lasting: Lasting, builds: Builds) -> tuple[UUID, asyncio.Task[CommandRecord | None]]:
    lease = await site.lease(1)
    running = asyncio.create_task(lasting.execute(site.tenant, lease, unseen))

    async def called() -> bool:
        return bool(builds.calls)

    await eventually(called, 60)
    return lease, running


async def ask(site: Site, record: CommandRecord) -> None:
    """As a person does who cancels it."""
    async with site.store.transaction(site.tenant) as tx:
        asked = Operation(
            uuid4(), record.key, Act.CANCEL, uuid4(), "it takes too long", "sha256:" + "0" * 64, record.state,
            record.epoch, record.version, tx.now,
        )  # fmt: skip
        assert await tx.commands.parked.add_operation(asked)


class TestOutcomes:
    async def test_what_it_returns_is_the_result_and_every_move_is_told(
        self, site: Site, lasting: Lasting, builds: Builds
    ) -> None:
        await site.send("1", **BUILDS, payload={"words": "hello"})
        after = await execute(site, lasting)
        assert after is not None
        assert after == await site.stand("1")
        assert (after.state, after.result, after.attempt) == (S.COMPLETED, {"built": "hello"}, 1)
        assert builds.calls == ["works/1:1"]
        assert await site.trail("1") == ["started", "completed"]

    @pytest.mark.req("CB-19")
    async def test_effect_and_end_are_one_transaction(self, site: Site, lasting: Lasting, builds: Builds) -> None:
        await site.send("1", **REBUILDS)
        builds.ways["1"] = [ValueError("after it wrote")]
        failed = await execute(site, lasting)
        assert failed is not None
        assert (failed.state, await site.effects()) == (S.RETRY_WAIT, [])
        again = await execute(site, lasting)
        assert again is not None
        assert (again.state, again.attempt, await site.effects()) == (S.COMPLETED, 2, ["1"])

    @pytest.mark.parametrize(
        ("raised", "state"),
        [(Permanent("broken"), S.PARKED), (BusinessRule("no"), S.FAILED), (OSError(), S.RETRY_WAIT)],
    )
    async def test_what_it_raises_decides(
        self, site: Site, lasting: Lasting, builds: Builds, raised: Exception, state: CommandState
    ) -> None:
        await site.send("1", **BUILDS)
        builds.ways["1"] = [raised]
        after = await execute(site, lasting)
        assert after is not None
        assert after.state is state

    async def test_what_cannot_be_executed_says_why(self, site: Site, lasting: Lasting) -> None:
        await site.send("1", **BUILDS, payload={"words": 7})
        after = await execute(site, lasting)
        assert after is not None
        assert after.parked is ParkedKind.SCHEMA

    async def test_a_lease_that_is_gone_is_nobodys(self, site: Site, lasting: Lasting, builds: Builds) -> None:
        assert await lasting.execute(site.tenant, uuid4(), unseen) is None
        await site.send("1", **BUILDS)
        lease = await site.lease(1)
        assert await lasting.execute(site.tenant, lease, unseen) is not None
        assert await lasting.execute(site.tenant, lease, unseen) is None
        assert len(builds.calls) == 1


class TestLife:
    @pytest.mark.req("CB-18")
    async def test_who_tells_progress_runs_once_and_who_does_not_is_tried_again(
        self, site: Site, lasting: Lasting, builds: Builds
    ) -> None:
        await site.send("alive", type="works.brisk")
        await site.send("mute", type="works.mute")
        builds.ways["mute"] = [for_ever]
        alive, mute = await asyncio.gather(execute(site, lasting), execute(site, lasting))
        stands = {each.command.id: each for each in (alive, mute) if each is not None}
        assert (stands["alive"].state, stands["alive"].attempt) == (S.COMPLETED, 1)
        assert stands["mute"].state is S.RETRY_WAIT
        assert stands["mute"].error is not None
        assert stands["mute"].error.code == "heartbeat-missed"
        again = await execute(site, lasting)
        assert again is not None
        assert (again.state, again.attempt) == (S.COMPLETED, 2)

    async def test_its_progress_is_kept_and_given_to_the_next_attempt(
        self, site: Site, lasting: Lasting, builds: Builds
    ) -> None:
        await site.send("1", **BUILDS)
        builds.ways["1"] = [OSError()]
        await execute(site, lasting)
        await execute(site, lasting)
        assert builds.reached == [None, {"attempt": 1}]
        async with site.store.transaction(site.tenant) as tx:
            kept = await tx.commands.long.progress(("works", "1"))
        assert kept is not None
        assert (kept.said, kept.attempt) == ({"attempt": 2}, 2)

    @pytest.mark.req("CB-D4")
    async def test_its_lease_lasts_as_long_as_it_lives(self, site: Site, lasting: Lasting, builds: Builds) -> None:
        await site.send("1", **BUILDS)
        on = asyncio.Event()

        async def until_let() -> None:
            await on.wait()

        builds.ways["1"] = [until_let]
        lease, running = await begun(site, lasting, builds)
        await site.let_pass(timedelta(hours=1))

        async def extended() -> bool:
            return (site.tenant, lease) not in await site.store.ended_leases()

        await eventually(extended, 60)
        on.set()
        after = await running
        assert after is not None
        assert after.state is S.COMPLETED


class TestTakenOver:
    async def test_of_a_worker_that_vanished_it_counts_a_crash(
        self, site: Site, lasting: Lasting, builds: Builds
    ) -> None:
        await site.send("1", **BUILDS)
        builds.ways["1"] = [for_ever]
        lease, running = await begun(site, lasting, builds)
        crashed = await another(site).execute(site.tenant, lease, unseen)
        assert crashed is not None
        assert (crashed.state, crashed.crashes, crashed.attempt) == (S.PENDING, 1, 0)
        assert await running is None  # who lives after all hears that it is not theirs any more
        assert builds.canceled == ["1"]

    @pytest.mark.req("CB-31")
    @pytest.mark.parametrize("seconds", [0, 60])
    async def test_of_a_worker_that_stops_it_is_finished_or_given_back(
        self, site: Site, lasting: Lasting, builds: Builds, seconds: int
    ) -> None:
        await site.send("1", **BUILDS)
        builds.ways["1"] = [for_ever if not seconds else lambda: asyncio.sleep(0.1)]
        _, running = await begun(site, lasting, builds)
        await lasting.drain(timedelta(seconds=seconds))
        after = await running
        assert after is not None
        assert (after.state, after.attempt) == ((S.COMPLETED, 1) if seconds else (S.PENDING, 0))
        await site.send("2", **BUILDS)
        later = await lasting.execute(site.tenant, await site.lease(1), unseen)
        assert later is not None
        assert later.state is S.PENDING


class TestCanceled:
    @pytest.mark.req("CB-43")
    @pytest.mark.parametrize("kind", ["works.build", "works.rebuild"])
    async def test_while_it_runs_its_handler_hears_of_it(
        self, site: Site, lasting: Lasting, builds: Builds, kind: str
    ) -> None:
        await site.send("1", type=kind)
        builds.ways["1"] = [for_ever]
        _, running = await begun(site, lasting, builds)
        await ask(site, await site.stand("1"))
        after = await running
        assert after is not None
        assert (after.state, after.error.code if after.error else "") == (S.CANCELED, "canceled")
        assert (builds.canceled, await site.effects()) == (["1"], [])
        assert await site.trail("1") == ["started", "canceled"]

    async def test_before_it_runs_it_is_not_begun(self, site: Site, lasting: Lasting, builds: Builds) -> None:
        await site.send("1", **BUILDS)
        lease = await site.lease(1)
        await ask(site, await site.stand("1"))
        after = await lasting.execute(site.tenant, lease, unseen)
        assert after is not None
        assert (after.state, builds.calls) == (S.CANCELED, [])

    async def test_who_had_ended_by_then_has_ended(self, site: Site, lasting: Lasting, builds: Builds) -> None:
        await site.send("1", **REBUILDS)

        async def stubborn() -> None:
            try:
                await for_ever()
            except asyncio.CancelledError:
                return

        builds.ways["1"] = [stubborn]
        _, running = await begun(site, lasting, builds)
        await ask(site, await site.stand("1"))
        after = await running
        assert after is not None
        assert (after.state, await site.effects()) == (S.COMPLETED, ["1"])
