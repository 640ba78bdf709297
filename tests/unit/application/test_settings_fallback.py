"""Production, then staging, then the default: where a definition says so, and nowhere else."""

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from application.admission import Admission
from application.settings.transfer import Intake
from application.settings.versions import Spot
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Invalid
from domain.rollouts import State
from domain.settings import IncompatibleDefinition, Resolution, RulesViolated, Scope
from tests.wishing import (
    ADA,
    DE,
    DEV,
    STAGING,
    WHY,
    apart,
    conflicts,
    define,
    govern,
    paths,
    resolution,
    rule,
    say,
    ungovern,
    unset,
    wish,
)
from tests.world import PRODUCTION, World

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
LEVEL = "environment:staging"


@pytest.fixture
async def free(world: World) -> World:
    """A world where a limit falls back and nobody's approval is asked for."""
    await ungovern(world)
    await define(world, default=10, fallback="staging")
    return world


async def staged(world: World, *wishes: Any, **more: Any) -> Any:
    return await say(world, *wishes, environment=STAGING, **more)


async def produced(world: World, *wishes: Any) -> Any:
    return await say(world, *wishes, environment=PRODUCTION)


async def production(world: World, scope: str = "", **more: Any) -> Resolution:
    return await resolution(world, scope=scope, environment=PRODUCTION, **more)


async def trace(world: World, scope: str = "") -> list[tuple[str, str]]:
    return [(line.label, line.state.value) for line in (await production(world, scope)).trace]


async def exported(world: World, environment: Environment) -> Json:
    out = BytesIO()
    await world.setting.transfer.export(world.ada, environment, out)
    return json.loads(out.getvalue())


@pytest.mark.req("FR-CFG-003")
class TestFallback:
    async def test_is_production_then_staging_then_the_default(self, free: World) -> None:
        assert (await production(free)).value == 10
        await staged(free, wish("limit", 20))
        assert ((await production(free)).value, (await production(free)).winner) == (20, LEVEL)
        await produced(free, wish("limit", 30))
        assert (await production(free)).value == 30
        assert await trace(free, ADA) == [
            ("default", "default"), (LEVEL, "set"), ("", "set"), (DE, "none"), (ADA.rpartition("/")[0], "none"),
            (ADA, "none"),
        ]  # fmt: skip
        await produced(free, unset("limit"))
        assert (await production(free)).value == 20
        await staged(free, unset("limit"))
        assert ((await production(free)).value, (await production(free)).winner) == (10, "default")
        assert await trace(free) == [("default", "default"), (LEVEL, "unset"), ("", "unset")]

    async def test_is_told_with_who_said_it(self, free: World) -> None:
        await staged(free, wish("limit", 20))
        won = (await production(free)).won
        assert won is not None
        assert won.entry is not None
        assert (won.entry.written_by, won.entry.reason) == (free.ada.id, WHY)
        (_, event) = await free.events("setting:value:changed")
        assert (event.event["resource"], event.event["after"]["value"]) == (f"production/{LEVEL}#limit", 20)

    async def test_is_of_what_the_tenant_says_and_of_nothing_below(self, free: World) -> None:
        await staged(free, wish("limit", 20, DE))
        assert (await production(free, DE)).value == 10

    async def test_brings_no_hold_over_production(self, free: World) -> None:
        await produced(free, wish("limit", 90, DE))
        await staged(free, wish("limit", 20, enforced=True, constraint={"maximum": 50}))
        assert ((await production(free)).value, (await production(free, DE)).value) == (20, 90)
        await produced(free, wish("limit", 99))
        assert (await production(free)).value == 99

    async def test_keeps_within_what_production_allows(self, free: World) -> None:
        await produced(free, unset("limit", constraint={"maximum": 15}))
        await staged(free, wish("limit", 20))
        assert (await production(free)).value == 15

    async def test_follows_what_is_planned_and_what_ends(self, free: World) -> None:
        noon = free.clock() + DAY
        await staged(free, wish("limit", 20))
        await staged(free, wish("limit", 30, since=noon, until=noon + DAY))
        seen = [(await production(free, as_of=at)).value for at in (noon, noon + DAY)]
        assert seen == [30, 20]
        await free.setting.writes.cancel(free.ada, STAGING, unset("limit", expected=2), WHY)
        free.clock += SECOND
        assert (await production(free, as_of=noon)).value == 20

    async def test_is_only_where_the_definition_says_so(self, world: World) -> None:
        await ungovern(world)
        await define(world, default=10)
        await staged(world, wish("limit", 20))
        assert (await production(world)).value == 10
        assert await trace(world) == [("default", "default"), ("", "none")]
        await say(world, wish("limit", 5), environment=DEV)

    async def test_moves_the_epochs_of_both(self, free: World) -> None:
        async def epochs() -> list[int]:
            async with free.store.transaction(free.tenant.id) as tx:
                return [await tx.settings.epoch(each) for each in (STAGING, PRODUCTION)]

        before = await epochs()
        await staged(free, wish("limit", 20))
        assert await epochs() == [number + 1 for number in before]
        await staged(free, wish("limit", 20, DE))
        assert await epochs() == [before[0] + 2, before[1] + 1]

    async def test_goes_back_with_what_brought_it(self, free: World) -> None:
        await staged(free, wish("limit", 20))
        entries = await free.setting.reads.history(free.eve, PRODUCTION, "limit", Scope(LEVEL), 2**62, 10)
        assert [(each.entry.version, each.origin, each.request) for each in entries] == [(1, "falls_back", None)]
        await staged(free, wish("limit", 25))
        spot = Spot(STAGING, "limit", Scope())
        await free.setting.versions.roll_back(free.ada, spot, 1, expected=2, reason=WHY)
        assert (await production(free, as_of=free.clock() + DAY)).value == 20

    async def test_is_not_exported_by_production(self, free: World) -> None:
        await staged(free, wish("limit", 20))
        await produced(free, wish("limit", 30, DE))
        bundle = await exported(free, PRODUCTION)
        assert [line["scope"] for line in bundle["values"]] == [DE]


@pytest.mark.req("FR-CFG-003", "FR-SM-004")
class TestCheck:
    async def test_asks_the_rules_of_production_too(self, free: World) -> None:
        for key in ("stripe", "paypal"):
            await define(free, key, "boolean", fallback="staging")
        await rule(free, apart("stripe", "paypal"))
        await produced(free, wish("paypal", True, DE))
        with pytest.raises(RulesViolated) as refused:
            await staged(free, wish("stripe", True))
        assert paths(refused) == ["/items/0"]
        assert refused.value.faults[0].message.startswith("in production, which has it from staging: ")
        with pytest.raises(RulesViolated):
            await staged(free, wish("stripe", True), dry_run=True)
        await produced(free, wish("stripe", False))
        await staged(free, wish("stripe", True))
        with pytest.raises(RulesViolated):
            await produced(free, unset("stripe"))

    async def test_of_a_write_in_production_sees_what_it_has_from_staging(self, free: World) -> None:
        for key in ("stripe", "paypal"):
            await define(free, key, "boolean", fallback="staging")
        await rule(free, apart("stripe", "paypal"))
        await staged(free, wish("stripe", True))
        with pytest.raises(RulesViolated):
            await produced(free, wish("paypal", True, DE))

    async def test_needs_the_approval_of_production_while_it_has_it_from_there(self, free: World) -> None:
        await govern(free, PRODUCTION, 2)
        submitted = (await staged(free, wish("limit", 20))).submitted
        assert submitted is not None
        assert len(submitted.approval.policy.levels) == 2
        await govern(free, PRODUCTION, 0)
        await produced(free, wish("limit", 30))
        await govern(free, PRODUCTION, 2)
        assert (await staged(free, wish("limit", 20, DE))).submitted is None

    async def test_counts_every_place_in_production_whose_value_moves(self, free: World) -> None:
        await produced(free, wish("limit", 90, DE))
        reach = (await staged(free, wish("limit", 20), dry_run=True)).reach
        assert (reach.scopes, reach.leaves, reach.tenant_wide) == (1, 2, True)
        await produced(free, unset("limit", DE))
        assert (await staged(free, wish("limit", 20), dry_run=True)).reach.leaves == 3

    async def test_needs_only_staging_where_production_speaks_for_itself(self, free: World) -> None:
        await produced(free, wish("limit", 30))
        await govern(free, PRODUCTION, 2)
        assert (await staged(free, wish("limit", 20))).submitted is None
        assert (await production(free)).value == 30
        await govern(free, PRODUCTION, 0)
        await produced(free, unset("limit", since=free.clock() + DAY))
        await govern(free, PRODUCTION, 2)
        assert (await staged(free, wish("limit", 21))).submitted is not None

    async def test_holds_for_what_is_imported(self, free: World) -> None:
        await staged(free, wish("limit", 20))
        bundle = await exported(free, STAGING)
        await staged(free, unset("limit"))
        await govern(free, PRODUCTION, 1)
        assert (await free.setting.transfer.import_(free.ada, Intake(STAGING, bundle, WHY))).outcome == "submitted"
        await govern(free, PRODUCTION, 0)
        await free.setting.transfer.import_(free.ada, Intake(STAGING, bundle, WHY))
        assert (await production(free, as_of=free.clock() + DAY)).value == 20

    async def test_is_asked_again_before_an_approved_change_is_served(self, free: World) -> None:
        await produced(free, wish("limit", 30))
        await govern(free, STAGING, 1)
        await govern(free, PRODUCTION, 2)
        asked = [(await staged(free, wish("limit", 20))).submitted]
        assert [len(each.approval.policy.levels) for each in asked] == [1]
        await free.vote("bob", asked[0].approval.id)
        await govern(free, PRODUCTION, 0)
        await produced(free, unset("limit"))
        await govern(free, PRODUCTION, 2)
        assert await free.admit(asked[0].rollout.id) == Admission(State.INVALIDATED, "content_no_longer_valid")
        assert (await production(free)).value == 10

    async def test_holds_for_a_change_that_is_served_and_taken_back(self, free: World) -> None:
        await staged(free, wish("limit", 20))
        await govern(free, PRODUCTION, 1)
        submitted = (await staged(free, wish("limit", 30))).submitted
        assert submitted is not None
        await free.vote("bob", submitted.approval.id)
        rollout = submitted.rollout.id
        await free.admit(rollout)
        await free.progression.expose(free.step(rollout), 0)
        free.clock += SECOND
        assert (await production(free)).value == 30
        await free.progression.move(free.step(rollout), State.ROLLING_BACK, "asked")
        await free.back(free.step(rollout))
        free.clock += SECOND
        assert (await production(free)).value == 20


class TestDefinition:
    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"fallback": "qa"}, "/fallback"),
            ({"fallback": "staging", "kind": "json", "merge": "deep_merge"}, "/fallback"),
            ({"fallback": "staging", "scopes": ["company"]}, "/fallback"),
            ({"fallback": "staging", "kind": "secret", "scopes": ["tenant"]}, "/fallback"),
            ({"scopes": ["tenant", "environment"]}, "/scopes/1"),
        ],
    )
    async def test_says_so_where_it_makes_sense(self, world: World, fields: dict[str, Any], path: str) -> None:
        with pytest.raises(Invalid) as refused:
            await define(world, **fields)
        assert paths(refused) == [path]

    async def test_begins_and_ends_to_while_staging_says_nothing(self, free: World) -> None:
        await staged(free, wish("limit", 20))
        plain = {"type": "integer", "default": 10, "scopes": ["tenant"]}
        with pytest.raises(IncompatibleDefinition) as refused:
            await free.setting.definitions.replace(free.ada, "limit", plain, expected=1, reason=WHY)
        assert conflicts(refused.value)[0].startswith("/fallback")
        await staged(free, unset("limit"))
        await free.setting.definitions.replace(free.ada, "limit", plain, expected=1, reason=WHY)
        await staged(free, wish("limit", 20))
        assert (await production(free)).value == 10
