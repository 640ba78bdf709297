"""Periods that open by themselves, in memory."""

from datetime import UTC, datetime

from adapters.memory.store import MemoryStore
from application.periods.moves import GateVerb
from application.periods.opening import Opening
from tests.unit.application.periods.offices import SCOPES, Office
from tests.world import World

AUCKLAND = "Pacific/Auckland"


def store_of(world: World) -> MemoryStore:
    assert isinstance(world.store, MemoryStore)
    return world.store


async def swept(world: World) -> int:
    return await Opening(store_of(world)).sweep()


class TestOpening:
    async def test_happens_on_the_first_day_on_the_clocks_of_the_entity(self, world: World) -> None:
        office = await Office.furnished(world, zone=AUCKLAND, opens_itself=True)
        world.clock.now = datetime(2026, 3, 31, 10, 59, tzinfo=UTC)
        await swept(world)
        assert await office.stands("2026-04") == dict.fromkeys(SCOPES, "pending")
        world.clock.now = datetime(2026, 3, 31, 11, tzinfo=UTC)
        await swept(world)
        assert await office.stands("2026-04") == dict.fromkeys(SCOPES, "open")
        assert await office.stands("2026-05") == dict.fromkeys(SCOPES, "pending")
        world.clock.now = datetime(2026, 4, 15, tzinfo=UTC)
        assert await swept(world) == 0

    async def test_is_told_as_done_by_nobody_in_person(self, world: World) -> None:
        office = await Office.furnished(world, opens_itself=True)
        await Opening(store_of(world)).open(world.tenant.id, "acme", "AP")
        (row,) = await world.events("period:gate:opened")
        assert (row.event["actor"], row.event["actor_type"], row.event["resource"]) == (
            None, "system", "acme/2026-03/AP",
        )  # fmt: skip
        assert await office.stands("2026-03") == {"AP": "open", "AR": "pending", "GL": "pending"}

    async def test_leaves_what_people_did(self, world: World) -> None:
        office = await Office.furnished(world, opens_itself=True)
        await office.move(GateVerb.OPEN, "2026-03", "AP")
        await office.move(GateVerb.FREEZE, "2026-03", "AP")
        assert await Opening(store_of(world)).open(world.tenant.id, "acme", "AP")
        assert await swept(world) == 2
        assert await office.stands("2026-03") == {"AP": "frozen", "AR": "open", "GL": "open"}

    async def test_waits_for_room_and_holds_no_other_scope_up(self, world: World) -> None:
        office = await Office.furnished(world, opens_itself=True, most_open=1)
        await office.move(GateVerb.OPEN, "2026-02", "AP")
        await swept(world)
        assert await office.stands("2026-03") == {"AP": "pending", "AR": "open", "GL": "open"}
        await office.move(GateVerb.SOFT_CLOSE, "2026-02", "AP")
        await swept(world)
        assert (await office.stands("2026-03"))["AP"] == "open"

    async def test_needs_a_year_that_was_made(self, world: World) -> None:
        office = await Office.furnished(world, years=(2025,), opens_itself=True)
        assert await swept(world) == 0
        assert not await Opening(store_of(world)).open(world.tenant.id, "acme", "AP")
        assert await office.stands("2025-12") == dict.fromkeys(SCOPES, "pending")

    async def test_is_for_books_that_say_so(self, world: World) -> None:
        office = await Office.furnished(world)
        assert await swept(world) == 0
        assert await Opening(store_of(world)).open(world.tenant.id, "acme", "AP")
        assert await office.stands("2026-03") == dict.fromkeys(SCOPES, "pending")
