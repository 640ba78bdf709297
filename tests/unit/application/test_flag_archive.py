"""A flag is archived on evidence, by who confirms it without, or by a change that was approved."""

from datetime import timedelta

import pytest

from application.flag_usage.archiving import FlagArchive, FlagInUse
from application.flag_usage.reporting import FlagReports, Report
from application.ports.flag_usage import Counted
from domain.changes import NothingChanges
from domain.environments import Environment
from domain.errors import Stale
from domain.flags.lifecycle import archived
from domain.flags.references import Reference
from domain.people import PermissionMissing
from tests.world import OFF, World

DEV, PRODUCTION = Environment.DEV, Environment.PRODUCTION
PLACE = (DEV, "checkout")
WHY = "nobody needs it any more"


async def counted(world: World, key: str) -> None:
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.flag_usage.add([Counted(DEV, key, "off", "STATIC", tx.now, 1)])


@pytest.fixture
async def unused(world: World) -> FlagArchive:
    """A flag that nobody asked for in 31 days, while another was, and that no source names."""
    for key in ("checkout", "search"):
        await world.flags.create(world.ada, (DEV, key), OFF, "because of the test")
        await counted(world, key)
    world.clock += timedelta(days=31)
    await counted(world, "search")
    await FlagReports(world.store).take(world.ada, Report(DEV, "shop", None, ()))
    return FlagArchive(world.store)


@pytest.mark.req("FL4")
class TestArchive:
    async def test_evidence_is_enough(self, world: World, unused: FlagArchive) -> None:
        flag = await unused.archive(world.ada, PLACE, expected=1, reason=WHY, confirm=False)
        assert (flag.version, flag.definition) == (2, archived(OFF))
        with pytest.raises(NothingChanges):
            await unused.archive(world.ada, PLACE, expected=2, reason=WHY, confirm=True)
        assert (await unused.restore(world.ada, PLACE, expected=2, reason=WHY)).definition == OFF
        with pytest.raises(NothingChanges):
            await unused.restore(world.ada, PLACE, expected=3, reason=WHY)

    async def test_use_and_names_speak_against_it(self, world: World, unused: FlagArchive) -> None:
        found = [Reference("checkout", "pay.py", (3,))]
        await FlagReports(world.store).take(world.ada, Report(DEV, "shop", None, found))
        await counted(world, "checkout")
        with pytest.raises(FlagInUse) as refusal:
            await unused.archive(world.ada, PLACE, expected=1, reason=WHY, confirm=False)
        assert refusal.value.facts["against"] == [
            "evaluated last on 2026-04-02, 0 of 30 days of silence",
            "shop names it at 1 place",
        ]
        assert (await unused.archive(world.ada, PLACE, expected=1, reason=WHY, confirm=True)).version == 2

    async def test_it_is_for_who_manages_flags_and_over_what_they_saw(self, world: World, unused: FlagArchive) -> None:
        with pytest.raises(PermissionMissing):
            await unused.archive(world.eve, PLACE, expected=1, reason=WHY, confirm=True)
        with pytest.raises(PermissionMissing):
            await unused.restore(world.eve, PLACE, expected=1, reason=WHY)
        with pytest.raises(Stale):
            await unused.archive(world.ada, PLACE, expected=7, reason=WHY, confirm=True)

    async def test_an_approved_change_archives_it(self, world: World) -> None:
        await world.running(content=archived(OFF), plan={"strategy": "direct"})
        async with world.store.transaction(world.tenant.id) as tx:
            assert (await tx.flags.flag_set(PRODUCTION)).flags == {}
        flag = await world.flag()
        assert flag is not None
        assert flag.definition == archived(OFF)
