"""What is imported goes the way that the rollout policy of its environment allows."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.store import MemoryStore
from application.locking.ruling import RolloutPolicies
from application.settings.transfer import Imported, Intake
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.rollouts.policy import StrategyNotAllowed
from domain.settings import Bundle, parse_bundle
from tests.wishing import DEV, QA, STAGING, WHY, define, govern, say, ungovern, wish
from tests.world import Clock, World, at_once, world_in


async def exported(world: World, environment: Environment = DEV) -> Bundle:
    out = io.BytesIO()
    await world.setting.transfer.export(world.ada, environment, out)
    return parse_bundle(json.loads(out.getvalue()))


async def brought(world: World, bundle: Bundle, environment: Environment, **more: Any) -> Imported:
    imported = await world.setting.transfer.import_(world.ada, Intake(environment, bundle.to_json(), WHY, **more))
    world.clock += timedelta(seconds=1)
    return imported


async def values(world: World, environment: Environment) -> dict[str, Json]:
    return {line.key: line.value for line in (await exported(world, environment)).lines}


async def forbid(world: World, environment: Environment) -> None:
    """Nothing goes to everybody at once."""
    said = {"strategies": ["canary"]}
    await RolloutPolicies(world.store).put(world.root, (environment, Kind.SETTING), said, expected=0, reason=WHY)


@pytest.fixture
async def bundle(world: World) -> Bundle:
    """One value of one setting."""
    await define(world)
    await say(world, wish("limit", 1))
    return await exported(world)


def bare(bundle: Bundle) -> Bundle:
    return Bundle(bundle.tenant, bundle.environment, bundle.definitions, (), bundle.flags)


@pytest.mark.req("S70", "FR-SM-031")
class TestValues:
    @pytest.mark.parametrize("levels", [0, 1])
    @pytest.mark.parametrize("dry_run", [True, False])
    async def test_are_refused_whether_or_not_anybody_is_asked(
        self, world: World, bundle: Bundle, levels: int, *, dry_run: bool
    ) -> None:
        await govern(world, STAGING, levels)
        await forbid(world, STAGING)
        with pytest.raises(StrategyNotAllowed) as refused:
            await brought(world, bundle, STAGING, dry_run=dry_run)
        assert refused.value.facts["allowed"] == ["canary"]
        assert await values(world, STAGING) == {}

    async def test_are_not_taken_back_either(self, world: World, bundle: Bundle) -> None:
        await brought(world, bundle, QA)
        await forbid(world, QA)
        assert (await brought(world, bare(bundle), QA)).outcome == "no_changes"
        with pytest.raises(StrategyNotAllowed):
            await brought(world, bare(bundle), QA, prune=True)
        assert await values(world, QA) == {"limit": 1}

    async def test_that_are_there_already_are_no_change(self, world: World, bundle: Bundle) -> None:
        await brought(world, bundle, QA)
        await forbid(world, QA)
        assert (await brought(world, bundle, QA)).outcome == "no_changes"


class TestMeanings:
    @pytest.mark.req("S70")
    async def test_have_no_other_way_than_at_once(self, world: World, bundle: Bundle) -> None:
        clock = Clock()
        other = at_once(world_in(MemoryStore(clock), clock))
        await ungovern(other)
        await forbid(other, QA)
        told = await brought(other, bare(bundle), QA, from_tenant=world.tenant.slug)
        assert (told.outcome, told.difference.missing) == ("applied", ["limit"])
