from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.settings.wishes import MOST_ITEMS
from domain.errors import Invalid, Missing, Stale
from domain.people import PermissionMissing
from tests.wishing import (
    ADA,
    BERLIN,
    DE,
    DEV,
    QA,
    STAGING,
    WHY,
    cancel,
    define,
    govern,
    paths,
    resolution,
    say,
    unset,
    value,
    version,
    wish,
)
from tests.world import World

DAY = timedelta(days=1)


@pytest.mark.req("FR-SM-001", "FR-SM-003")
class TestValue:
    async def test_holds_below_and_is_told_with_its_author_and_reason(self, world: World) -> None:
        await define(world, default=10)
        await say(world, wish("limit", 20, DE))
        assert (await value(world), await value(world, scope=ADA)) == (10, 20)
        (event,) = await world.events("setting:value:changed")
        assert (event.event["actor"], event.event["reason"]) == (str(world.ada.id), WHY)
        assert (event.event["resource"], event.event["before"]) == (f"dev/{DE}#limit", None)
        assert event.event["after"]["value"] == 20

    async def test_is_told_with_what_was_there_before(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 20, enforced=True, constraint={"maximum": 90}, until=world.clock() + DAY))
        await say(world, unset("limit"))
        *_, event = await world.events("setting:value:changed")
        before = event.event["before"]
        assert (before["value"], before["enforced"], before["constraint"]) == (20, True, {"maximum": 90})
        assert (event.event["after"]["state"], "value" in event.event["after"]) == ("unset", False)
        assert "until" in before

    async def test_in_one_environment_is_not_in_another(self, world: World) -> None:
        await define(world, default=10)
        await say(world, wish("limit", 20))
        assert (await resolution(world, environment=QA)).value == 10

    @pytest.mark.req("ST71")
    async def test_an_explicit_null_is_a_value_and_unset_is_none(self, world: World) -> None:
        await define(world, default=10, nullable=True)
        await say(world, wish("limit", 20))
        await say(world, wish("limit", None, ADA))
        assert await value(world, scope=ADA) is None
        await say(world, unset("limit", ADA))
        assert await value(world, scope=ADA) == 20


class TestRefusal:
    @pytest.mark.req("FR-SM-002", "FR-SM-004", "ST75")
    async def test_names_every_fault_at_its_place_and_writes_nothing(self, world: World) -> None:
        await define(world)
        await define(world, "dark", "boolean", scopes=["tenant"])
        now = world.clock()
        wishes = (
            wish("limit", 1), wish("limit", 2), wish("dark", "false"), wish("dark", True, DE), wish("nothing", 1),
            wish("limit", 1, DE, constraint={"maximum": "big"}),
            unset("limit", BERLIN, enforced=True), wish("limit", 1, ADA, since=now - DAY),
            wish("limit", 1, "company:fr", until=now),
        )  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await say(world, *wishes)
        assert paths(refused) == [
            "/items/1", "/items/2/value", "/items/3/scope", "/items/4/key",
            "/items/5/constraint/maximum", "/items/6/enforced", "/items/7/effective_at", "/items/8/expires_at",
        ]  # fmt: skip
        assert await version(world) == 0
        assert await world.events("setting:value:changed") == []

    @pytest.mark.parametrize(
        ("constraint", "path"),
        [
            ({"maximum": "PT5M"}, "/maximum"),
            ({"allowed": [1, "two"]}, "/allowed/1"),
            ({"denied": [True]}, "/denied/0"),
            ({}, ""),
        ],
    )
    async def test_of_a_constraint_on_what_the_setting_cannot_hold(
        self, world: World, constraint: dict[str, Any], path: str
    ) -> None:
        await define(world)
        with pytest.raises(Invalid) as refused:
            await say(world, wish("limit", 1, constraint=constraint))
        assert paths(refused) == [f"/items/0/constraint{path}"]

    @pytest.mark.req("SM-D13")
    @pytest.mark.parametrize("reason", ["", "  a  ", "x" * 2001])
    async def test_of_a_reason_that_says_nothing(self, world: World, reason: str) -> None:
        await define(world)
        with pytest.raises(Invalid) as refused:
            await say(world, wish("limit", 1), reason=reason)
        assert paths(refused) == ["/reason"]

    async def test_of_too_many_and_of_none(self, world: World) -> None:
        await define(world)
        with pytest.raises(Invalid) as refused:
            await say(world)
        assert paths(refused) == ["/items"]
        with pytest.raises(Invalid) as refused:
            await say(world, *(wish("limit", 1, f"company:c{number}") for number in range(MOST_ITEMS + 1)))
        assert paths(refused) == ["/items"]

    async def test_of_the_only_key_when_it_is_unknown_is_missing(self, world: World) -> None:
        with pytest.raises(Missing):
            await say(world, wish("nothing", 1))

    async def test_of_who_may_only_read(self, world: World) -> None:
        await define(world)
        with pytest.raises(PermissionMissing):
            await say(world, wish("limit", 1), actor=world.eve)
        with pytest.raises(PermissionMissing):
            await cancel(world, "limit", 1, actor=world.eve)

    async def test_is_none_where_policy_asks_for_approval_and_nothing_is_written_yet(self, world: World) -> None:
        await define(world)
        outcome = await say(world, wish("limit", 1), environment=STAGING)
        assert (outcome.entries, outcome.submitted is None) == ((), False)
        told = await say(world, wish("limit", 1), environment=STAGING, dry_run=True)
        assert (told.epoch, await version(world, environment=STAGING)) == (1, 0)

    async def test_of_a_cancellation_where_policy_asks_for_approval(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1, since=world.clock() + DAY))
        await govern(world, DEV, 1)
        outcome = await cancel(world, "limit", 1)
        assert outcome.submitted is not None
        diff = await world.changes.diff(world.eve, outcome.submitted.change.id)
        assert [(line["op"], line["before"]) for line in diff["changes"]] == [("removed", 1)]

    @pytest.mark.req("ST83", "SM-D13")
    @pytest.mark.parametrize("seen", [0, 1, 3])
    async def test_of_what_was_seen_in_another_version(self, world: World, seen: int) -> None:
        await define(world)
        await say(world, wish("limit", 1, expected=0))
        await say(world, wish("limit", 2, expected=1))
        with pytest.raises(Stale) as refused:
            await say(world, wish("limit", 3, DE, expected=0), wish("limit", 3, expected=seen))
        assert refused.value.facts == {"key": "limit", "scope": "", "version": 2, "expected": seen}
        assert await version(world, scope=DE) == 0


class TestRepetition:
    async def test_of_a_request_writes_once(self, world: World) -> None:
        await define(world)
        asked = replace(world.ada, request=uuid4())
        first = await say(world, wish("limit", 1), wish("limit", 2, DE), actor=asked)
        await say(world, wish("limit", 3))
        again = await say(world, wish("limit", 1), wish("limit", 2, DE), actor=asked)
        assert [each.entry.version for each in again.entries] == [each.entry.version for each in first.entries]
        assert (await value(world), await version(world)) == (3, 2)
        assert len(await world.events("setting:value:changed")) == 3

    async def test_of_a_cancellation_after_which_nothing_holds_answers_the_same(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1, since=world.clock() + DAY))
        asked = replace(world.ada, request=uuid4())
        first = await cancel(world, "limit", 1, actor=asked)
        assert await cancel(world, "limit", 1, actor=asked) == first
        assert (first.entries, len(await world.events("setting:value:unplanned"))) == ((), 1)

    async def test_of_a_cancellation_cancels_once(self, world: World) -> None:
        await define(world)
        asked = replace(world.ada, request=uuid4())
        await say(world, wish("limit", 20))
        await say(world, wish("limit", 30, since=world.clock() + DAY))
        first = await cancel(world, "limit", 2, actor=asked)
        again = await cancel(world, "limit", 2, actor=asked)
        assert [each.entry.version for each in again.entries] == [each.entry.version for each in first.entries]
        assert (again.affected, again.epoch) == ((), first.epoch)


@pytest.mark.req("FR-SM-002")
class TestEpoch:
    async def test_rises_by_one_for_an_order_of_any_size(self, world: World) -> None:
        await define(world)
        first = await say(world, *(wish("limit", 1, f"company:c{number}") for number in range(50)))
        second = await say(world, wish("limit", 2))
        assert (first.epoch, second.epoch) == (2, 3)
        assert len(await world.events("setting:value:changed")) == 51

    async def test_stays_when_the_order_is_refused(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        with pytest.raises(Invalid):
            await say(world, wish("limit", 2), wish("limit", "many", DE))
        assert (await say(world, wish("limit", 2), dry_run=True)).epoch == 2
