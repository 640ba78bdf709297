"""Definitions and rules go the way of every change where any environment's policy asks for approval."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.ports.settings import Rulebook, StoredDefinition
from application.submission import Submitted
from domain.approvals import parse_policy
from domain.changes import Kind
from domain.errors import Invalid
from domain.rollouts import State
from domain.settings import RulesViolated
from tests.wishing import ADA, DE, DEV, SCOPES, STAGING, WHY, define, govern, needs, say, ungovern, value, wish
from tests.world import PRODUCTION, World

LIMIT: dict[str, Any] = {"key": "limit", "type": "integer", "scopes": SCOPES}


async def redefined(world: World, expected: int = 1, **fields: Any) -> Submitted:
    raw = {**LIMIT, **fields}
    done = await world.setting.meanings.redefine(world.ada, "limit", raw, expected=expected, reason=WHY)
    assert isinstance(done, Submitted)
    return done


async def ruled(world: World, *rules: Any, expected: int = 0) -> Submitted:
    done = await world.setting.meanings.rule(world.ada, list(rules), expected=expected, reason=WHY)
    assert isinstance(done, Submitted)
    return done


async def approved(world: World, submitted: Submitted) -> UUID:
    for handle in ("bob", "cyd")[: len(submitted.approval.policy.levels)]:
        await world.vote(handle, submitted.approval.id)
    return submitted.rollout.id


async def succeeded(world: World, submitted: Submitted) -> State:
    rollout = await approved(world, submitted)
    await world.admit(rollout)
    await world.progression.expose(world.step(rollout), 0)
    await world.progression.move(world.step(rollout), State.BAKING, "all_stages_passed")
    state = await world.progression.move(world.step(rollout), State.SUCCEEDED, "completed")
    world.clock += timedelta(seconds=1)
    return state


@pytest.fixture
async def defined(world: World) -> World:
    await define(world, default=10)
    return world


@pytest.mark.req("FR-SM-001")
class TestDefinition:
    async def test_waits_for_the_environment_that_asks_most(self, defined: World) -> None:
        await govern(defined, STAGING, 3)
        submitted = await redefined(defined, default=11)
        assert len(submitted.approval.policy.levels) == 3
        assert (submitted.change.target.kind, submitted.rollout.key) == (Kind.SETTING_DEFINITION, "*#limit")
        assert await value(defined) == 10
        diff = await defined.changes.diff(defined.eve, submitted.change.id)
        assert diff["changes"] == [{"op": "changed", "path": "/default", "before": 10, "after": 11}]

    async def test_holds_everywhere_at_once_when_the_last_has_said_yes(self, defined: World) -> None:
        assert await succeeded(defined, submitted := await redefined(defined, default=11)) is State.SUCCEEDED
        assert await value(defined) == 11
        stored = await defined.setting.definitions.get(defined.eve, "limit")
        assert (stored.version, stored.written_by) == (2, defined.ada.id)
        *_, event = await defined.events("setting:definition:changed")
        assert event.event["change"] == str(submitted.change.id)

    async def test_reaches_every_place_whose_value_it_moves_in_any_environment(self, defined: World) -> None:
        await say(defined, wish("limit", 5, DE))
        reach = (await redefined(defined, default=11, financial=True)).change.reach
        assert reach is not None
        assert (reach.leaves, reach.tenant_wide, reach.financial) == (4, True, True)

    async def test_that_becomes_less_sensitive_is_as_sensitive_as_it_was(self, world: World) -> None:
        await ungovern(world)
        await define(world, sensitivity="confidential")
        rules = [{"when": {"sensitivity": ["confidential"]}, "levels": [{"roles": ["Approver"]}]}]
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.policies.put(DEV, Kind.SETTING, parse_policy({"rules": rules}))
        assert len((await redefined(world, sensitivity="public")).approval.policy.levels) == 1

    async def test_is_tried_again_against_what_is_stored_when_it_is_to_hold(self, defined: World) -> None:
        waiting = await approved(defined, await redefined(defined, schema={"maximum": 50}))
        await say(defined, wish("limit", 99, DE))
        admission = await defined.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")

    async def test_over_another_version_is_invalid(self, defined: World) -> None:
        waiting = await approved(defined, await redefined(defined, default=11))
        raw = {**LIMIT, "default": 10, "description": "words"}
        done = await defined.setting.meanings.redefine(defined.ada, "limit", raw, expected=1, reason=WHY)
        assert isinstance(done, StoredDefinition)
        admission = await defined.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "base_version_moved")

    async def test_of_two_that_wait_the_second_is_over_another_version(self, defined: World) -> None:
        first, second = [await approved(defined, await redefined(defined, default=each)) for each in (11, 12)]
        assert (await defined.admit(first)).state is State.RUNNING
        assert (await defined.admit(second)).state is State.QUEUED

    @pytest.mark.req("I5")
    async def test_goes_back_to_what_it_was(self, defined: World) -> None:
        rollout = await approved(defined, await redefined(defined, default=11))
        await defined.admit(rollout)
        await defined.progression.expose(defined.step(rollout), 0)
        await defined.progression.move(defined.step(rollout), State.ROLLING_BACK, "asked")
        assert await defined.back(defined.step(rollout)) is State.ROLLED_BACK
        assert await value(defined) == 10
        assert (await defined.setting.definitions.get(defined.eve, "limit")).version == 3

    async def test_beside_a_value_that_waits_is_another_target(self, defined: World) -> None:
        await redefined(defined, default=11)
        assert (await say(defined, wish("limit", 5), environment=PRODUCTION)).submitted is not None


@pytest.mark.req("FR-SM-004")
class TestRulebook:
    @pytest.fixture
    async def billed(self, defined: World) -> World:
        await define(defined, "billing", "boolean")
        return defined

    async def test_waits_and_then_holds(self, billed: World) -> None:
        rule = needs("billing", "limit")
        assert await succeeded(billed, await ruled(billed, rule)) is State.SUCCEEDED
        book = await billed.setting.rules.get(billed.eve)
        assert (book.version, book.written_by) == (1, billed.ada.id)
        diff = await billed.changes.diff(billed.eve, (await ruled(billed, expected=1)).change.id)
        assert (diff["base_version"], diff["moved"]) == (1, False)

    async def test_that_is_broken_by_then_is_invalid(self, billed: World) -> None:
        apart = {"kind": "range", "name": "small", "key": "limit", "at_most": 50}
        waiting = await approved(billed, await ruled(billed, apart))
        await say(billed, wish("limit", 99, ADA))
        admission = await billed.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")
        with pytest.raises((RulesViolated, Invalid)):
            await ruled(billed, apart)

    @pytest.mark.req("I5")
    async def test_goes_back_to_what_it_was(self, billed: World) -> None:
        rollout = await approved(billed, await ruled(billed, needs("billing", "limit")))
        await billed.admit(rollout)
        await billed.progression.expose(billed.step(rollout), 0)
        await billed.progression.move(billed.step(rollout), State.ROLLING_BACK, "asked")
        assert await billed.back(billed.step(rollout)) is State.ROLLED_BACK
        book = await billed.setting.rules.get(billed.eve)
        assert (book.version, book.rules) == (2, [])

    async def test_is_written_at_once_where_nobody_is_asked(self, billed: World) -> None:
        await ungovern(billed)
        done = await billed.setting.meanings.rule(billed.ada, [needs("billing", "limit")], expected=0, reason=WHY)
        assert isinstance(done, Rulebook)
