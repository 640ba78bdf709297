from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.changes import NothingChanges
from domain.errors import Invalid, Stale
from domain.people import PermissionMissing
from domain.settings import IncompatibleDefinition, RulesViolated
from tests.wishing import (
    ADA,
    BERLIN,
    DE,
    DEV,
    QA,
    WHY,
    apart,
    cancel,
    conflicts,
    define,
    needs,
    resolution,
    rule,
    say,
    ungovern,
    unset,
    version,
    wish,
)
from tests.world import World

DAY = timedelta(days=1)
NEEDS, APART = needs("billing", "gateway"), apart("stripe", "paypal")


@pytest.fixture(autouse=True)
async def defined(world: World) -> None:
    for key in ("billing", "stripe", "paypal"):
        await define(world, key, "boolean")
    await define(world, "gateway", "string")


def messages(refused: pytest.ExceptionInfo[RulesViolated]) -> list[tuple[str, str]]:
    return [(fault.path, fault.message) for fault in refused.value.faults]


@pytest.mark.req("FR-SM-004")
class TestPostImage:
    @pytest.mark.req("ST76", "SM-D5", "SM-D7")
    async def test_has_what_is_needed_from_the_same_order(self, world: World) -> None:
        await rule(world, NEEDS)
        with pytest.raises(RulesViolated) as refused:
            await say(world, wish("billing", True))
        ((path, message),) = messages(refused)
        assert path == "/items/0"
        assert message.startswith("missing_dependencies (billing-needs-gateway) at the tenant from ")
        await say(world, wish("billing", True), wish("gateway", "stripe"))

    @pytest.mark.req("ST76")
    async def test_keeps_what_others_still_need(self, world: World) -> None:
        await rule(world, NEEDS)
        await say(world, wish("gateway", "stripe"), wish("billing", True))
        with pytest.raises(RulesViolated) as refused:
            await say(world, unset("gateway"))
        assert messages(refused)[0][1].startswith("required_by (billing-needs-gateway)")
        await say(world, unset("gateway"), wish("billing", False))

    async def test_has_what_a_broader_scope_says(self, world: World) -> None:
        await rule(world, NEEDS)
        await say(world, wish("gateway", "stripe"))
        await say(world, wish("billing", True, ADA))
        with pytest.raises(RulesViolated) as refused:
            await say(world, unset("gateway"))
        assert f" at {ADA} from " in messages(refused)[0][1]

    @pytest.mark.req("ST77", "SM-D6")
    @pytest.mark.parametrize(("first", "second"), [("stripe", "paypal"), ("paypal", "stripe")])
    async def test_is_that_of_each_leaf_where_scopes_meet(self, world: World, first: str, second: str) -> None:
        await rule(world, APART)
        await say(world, wish(first, True, BERLIN))
        with pytest.raises(RulesViolated) as refused:
            await say(world, wish(second, True))
        ((path, message),) = messages(refused)
        assert (path, f"conflict (apart) at {BERLIN} from " in message) == ("/items/0", True)
        await say(world, wish(second, True, "company:fr"))

    async def test_of_a_scope_beside_it_does_not_count(self, world: World) -> None:
        await rule(world, NEEDS)
        await say(world, wish("gateway", "stripe", "company:fr"))
        with pytest.raises(RulesViolated):
            await say(world, wish("billing", True, DE))

    async def test_has_an_enforced_value_and_not_the_one_it_shadows(self, world: World) -> None:
        await rule(world, APART)
        await say(world, wish("stripe", True, ADA))
        await say(world, wish("stripe", False, enforced=True))
        await say(world, wish("paypal", True))
        with pytest.raises(RulesViolated):
            await say(world, wish("stripe", False))

    async def test_of_other_keys_is_not_asked(self, world: World) -> None:
        await define(world)
        await rule(world, NEEDS, APART)
        await say(world, wish("limit", 1))


@pytest.mark.req("ST79", "FR-SM-004")
class TestFuture:
    async def test_in_which_a_plan_breaks_a_rule_is_refused_today(self, world: World) -> None:
        await rule(world, APART)
        noon = world.clock() + DAY
        await say(world, wish("stripe", True))
        with pytest.raises(RulesViolated) as refused:
            await say(world, wish("paypal", True, since=noon))
        assert messages(refused)[0][1].startswith(f"conflict (apart) at the tenant from {noon.isoformat()}")

    async def test_of_a_plan_counts_for_what_is_written_before_it(self, world: World) -> None:
        await rule(world, APART)
        noon = world.clock() + DAY
        await say(world, wish("paypal", True, since=noon))
        with pytest.raises(RulesViolated):
            await say(world, wish("stripe", True))
        await say(world, wish("stripe", True, until=noon))

    async def test_in_which_what_is_needed_has_expired_is_refused(self, world: World) -> None:
        await rule(world, NEEDS)
        noon = world.clock() + DAY
        with pytest.raises(RulesViolated) as refused:
            await say(world, wish("gateway", "stripe", until=noon), wish("billing", True))
        assert noon.isoformat() in messages(refused)[0][1]
        await say(world, wish("gateway", "stripe", until=noon), wish("billing", True, until=noon))

    async def test_in_which_what_is_needed_is_planned_to_go_is_refused(self, world: World) -> None:
        await rule(world, NEEDS)
        noon = world.clock() + DAY
        await say(world, wish("gateway", "stripe"))
        await say(world, unset("gateway", since=noon))
        with pytest.raises(RulesViolated):
            await say(world, wish("billing", True, DE))

    async def test_without_a_plan_that_others_need_is_refused(self, world: World) -> None:
        await rule(world, NEEDS)
        noon = world.clock() + DAY
        await say(world, wish("gateway", "stripe", since=noon), wish("billing", True, since=noon))
        with pytest.raises(RulesViolated):
            await cancel(world, "gateway", 1)
        await cancel(world, "billing", 1)
        await cancel(world, "gateway", 1)
        assert not (await resolution(world, "billing", as_of=noon)).found


@pytest.mark.req("SM-D14")
class TestRulebook:
    async def test_is_empty_until_somebody_writes_it(self, world: World) -> None:
        assert (await world.setting.rules.get(world.eve)).version == 0
        await rule(world, NEEDS)
        await rule(world, NEEDS, APART, expected=1)
        book = await world.setting.rules.get(world.eve)
        assert (book.version, [each["name"] for each in book.rules]) == (2, ["billing-needs-gateway", "apart"])
        *_, event = await world.events("setting:rules:changed")
        assert (event.event["before"]["version"], event.event["after"]["version"]) == (1, 2)
        assert event.event["reason"] == WHY

    async def test_that_is_broken_already_is_refused_where_it_is(self, world: World) -> None:
        await say(world, wish("billing", True, DE))
        await say(world, wish("stripe", True), wish("paypal", True, ADA), environment=QA)
        with pytest.raises(RulesViolated) as refused:
            await rule(world, NEEDS, APART)
        assert [(path, message.partition(" from ")[0]) for path, message in messages(refused)] == [
            ("/0", f"is broken in dev {DE}"), ("/1", f"is broken in qa {ADA}"),
        ]  # fmt: skip
        assert (await world.setting.rules.get(world.eve)).version == 0

    async def test_that_a_plan_will_break_is_refused(self, world: World) -> None:
        noon = world.clock() + DAY
        await say(world, wish("billing", True, since=noon))
        with pytest.raises(RulesViolated) as refused:
            await rule(world, NEEDS)
        assert f"is broken in dev from {noon.isoformat()}" in messages(refused)[0][1]

    async def test_names_only_keys_that_are_defined(self, world: World) -> None:
        with pytest.raises(Invalid) as refused:
            await rule(world, NEEDS, needs("billing", "nothing"))
        assert [fault.path for fault in refused.value.faults] == ["/1"]

    @pytest.mark.parametrize("raw", [None, {}, [{"kind": "no such"}]])
    async def test_says_what_is_wrong(self, world: World, raw: Any) -> None:
        with pytest.raises(Invalid):
            await world.setting.rules.replace(world.ada, raw, expected=0, reason=WHY)

    async def test_is_replaced_in_the_version_that_was_seen(self, world: World) -> None:
        await rule(world, NEEDS)
        with pytest.raises(Stale) as refused:
            await rule(world, APART)
        assert refused.value.facts == {"version": 1, "expected": 0}
        with pytest.raises(NothingChanges):
            await rule(world, NEEDS, expected=1)

    async def test_is_written_once_for_one_request(self, world: World) -> None:
        await ungovern(world)
        asked = replace(world.ada, request=uuid4())
        replace_ = world.setting.rules.replace
        first = await replace_(asked, [NEEDS], expected=0, reason=WHY)
        assert await replace_(asked, [NEEDS], expected=0, reason=WHY) == first

    async def test_is_for_who_manages(self, world: World) -> None:
        with pytest.raises(PermissionMissing):
            await world.setting.rules.replace(world.eve, [NEEDS], expected=0, reason=WHY)

    async def test_that_is_empty_again_refuses_nothing(self, world: World) -> None:
        await rule(world, NEEDS)
        await rule(world, expected=1)
        await say(world, wish("billing", True))
        assert await version(world, "billing") == 1


class TestDefinition:
    async def test_whose_default_others_need_keeps_it(self, world: World) -> None:
        await define(world, "till", "string", default="front")
        await rule(world, needs("billing", "till"))
        await say(world, wish("billing", True, DE))
        without = {"key": "till", "type": "string"}
        with pytest.raises(IncompatibleDefinition) as refused:
            await world.setting.definitions.replace(world.ada, "till", without, expected=1, reason=WHY)
        (conflict,) = conflicts(refused.value)
        assert conflict.startswith(f"billing-needs-till in {DEV.value} {DE} from ")
