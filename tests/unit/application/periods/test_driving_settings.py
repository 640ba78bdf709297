"""A setting that drives a calendar, while nothing is open there and once something is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.periods.moves import GateVerb
from domain.errors import Invalid
from domain.rollouts import State
from domain.settings import CalendarBegun, IncompatibleDefinition, Scope, parse_setting_definition
from tests.unit.application.periods.offices import WHY, Office
from tests.wishing import DEV, SCOPES, govern, resolution, say, ungovern, unset, wish
from tests.world import PRODUCTION, World

ZONE: dict[str, Any] = {"key": "zone", "type": "string", "scopes": SCOPES, "default": "UTC", "drives_calendar": "books"}
BERLIN = wish("zone", "Europe/Berlin")


@pytest.fixture
async def office(world: World) -> Office:
    """Nobody is asked about values; `zone` drives the calendar of its books."""
    office = await Office.furnished(world)
    await ungovern(world)
    await world.setting.definitions.create(world.ada, ZONE, WHY)
    return office


@pytest.fixture
async def begun(office: Office) -> Office:
    await office.move(GateVerb.OPEN, "2026-02")
    return office


@pytest.mark.req("ST85")
class TestValues:
    async def test_change_while_no_period_has_begun(self, office: Office, world: World) -> None:
        await say(world, BERLIN, environment=PRODUCTION)
        assert (await resolution(world, "zone", environment=PRODUCTION)).value == "Europe/Berlin"

    @pytest.mark.parametrize("scope", ["", "company:de"])
    async def test_stay_once_one_has_begun_which_is_named(self, begun: Office, world: World, scope: str) -> None:
        for refused in (replace(BERLIN, scope=Scope(scope)), unset("zone", scope)):
            with pytest.raises(CalendarBegun) as refusal:
                await say(world, refused, environment=PRODUCTION)
            assert refusal.value.facts == {"key": "zone", "calendar": "books", "entity": "acme", "period": "2026-02"}

    async def test_stay_however_far_a_period_has_come(self, begun: Office, world: World) -> None:
        await begun.move(GateVerb.OPEN, "2026-01")
        await begun.close("2026-01")
        await begun.close("2026-02")
        with pytest.raises(CalendarBegun):
            await say(world, BERLIN, environment=PRODUCTION)

    async def test_of_other_environments_and_calendars_are_free(self, begun: Office, world: World) -> None:
        other = {**ZONE, "key": "shop.zone", "drives_calendar": "shops"}
        await world.setting.definitions.create(world.ada, other, WHY)
        await say(world, BERLIN, environment=DEV)
        await say(world, wish("shop.zone", "UTC"), environment=PRODUCTION)

    async def test_that_are_only_tried_are_refused_as_well(self, begun: Office, world: World) -> None:
        with pytest.raises(CalendarBegun):
            await say(world, BERLIN, environment=PRODUCTION, dry_run=True)

    async def test_have_no_time_of_their_own(self, office: Office, world: World) -> None:
        soon = world.clock() + timedelta(days=1)
        for timed in (replace(BERLIN, since=soon), replace(BERLIN, until=soon)):
            with pytest.raises(Invalid) as refusal:
                await say(world, timed, environment=PRODUCTION)
            assert [fault.path for fault in refusal.value.faults] == ["/items/0/effective_at"]

    async def test_that_waited_for_a_yes_are_not_valid_once_a_period_has_begun(
        self, office: Office, world: World
    ) -> None:
        await govern(world, PRODUCTION, 1)
        submitted = (await say(world, BERLIN, environment=PRODUCTION)).submitted
        assert submitted is not None
        await world.vote("bob", submitted.approval.id)
        await office.move(GateVerb.OPEN, "2026-02")
        admission = await world.admit(submitted.rollout.id)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")

    async def test_go_back_with_their_rollout_all_the_same(self, office: Office, world: World) -> None:
        await govern(world, PRODUCTION, 1)
        submitted = (await say(world, BERLIN, environment=PRODUCTION)).submitted
        assert submitted is not None
        await world.vote("bob", submitted.approval.id)
        rollout = submitted.rollout.id
        await world.admit(rollout)
        await world.progression.expose(world.step(rollout), 0)
        await office.move(GateVerb.OPEN, "2026-02")
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(rollout)) is State.ROLLED_BACK


@pytest.mark.req("ST85")
class TestDefinitions:
    async def test_stay_as_values_do_save_for_words(self, begun: Office, world: World) -> None:
        free = {name: said for name, said in ZONE.items() if name != "drives_calendar"}
        for changed in (free, {**ZONE, "default": "Asia/Tokyo"}):
            with pytest.raises(CalendarBegun):
                await world.setting.definitions.replace(world.ada, "zone", changed, expected=1, reason=WHY)
        worded = {**ZONE, "description": "By which the days of the books begin."}
        await world.setting.definitions.replace(world.ada, "zone", worded, expected=1, reason=WHY)

    async def test_of_what_is_planned_begin_to_drive_nothing(self, office: Office, world: World) -> None:
        plain = {**ZONE, "key": "clock"}
        del plain["drives_calendar"]
        await world.setting.definitions.create(world.ada, plain, WHY)
        await say(world, wish("clock", "UTC", since=world.clock() + timedelta(days=9)), environment=PRODUCTION)
        with pytest.raises(IncompatibleDefinition) as refusal:
            await world.setting.definitions.replace(
                world.ada, "clock", {**ZONE, "key": "clock"}, expected=1, reason=WHY
            )
        assert refusal.value.facts["conflicts"] == [
            "/stored/production/: expected no time of its own: it drives a calendar"
        ]

    @pytest.mark.parametrize(
        ("fields", "path"),
        [({"drives_calendar": ""}, "/drives_calendar"), ({"drives_calendar": "a b"}, "/drives_calendar"),
         ({"drives_calendar": 1}, "/drives_calendar"), ({"fallback": "staging"}, "/fallback")],
    )  # fmt: skip
    def test_say_the_code_of_a_calendar_and_fall_back_on_nothing(self, fields: dict[str, Any], path: str) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_setting_definition({**ZONE, **fields})
        assert [fault.path for fault in refusal.value.faults] == [path]

    def test_keep_the_word(self) -> None:
        assert parse_setting_definition(ZONE).to_json()["drives_calendar"] == "books"
