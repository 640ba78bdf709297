"""What one environment says is promoted to the next, and compared."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from application.configs.cases import ConfigCases
from application.configs.choosing import Choice
from application.configs.comparing import Pair
from application.configs.promoting import Promoted, Promotion
from application.configs.shelf import shelf_of
from application.settings.versions import told
from domain.canonical import Json, canonical_bytes
from domain.environments import Environment
from domain.errors import Invalid, Missing
from domain.people import Actor, PermissionMissing, Role
from domain.settings import RulesViolated
from tests.wishing import DE, DEV, QA, STAGING, WHY, define, govern, needs, paths, rule, say, ungovern, unset, wish
from tests.world import PRODUCTION, Clock, World, world_in

Op = tuple[str, str]


@pytest.fixture
def configs(world: World) -> ConfigCases:
    return ConfigCases.over(world.store, world.setting)


async def promoted(world: World, *keys: str, actor: Actor | None = None, **more: Any) -> Promoted:
    choice = more.pop("choice", Choice(keys=keys))
    promotion = Promotion(**{"source": DEV, "target": QA, "choice": choice, "reason": WHY, **more})
    cases = ConfigCases.over(world.store, world.setting)
    done = await cases.promotions.promote(actor or world.ada, promotion)
    world.clock += timedelta(seconds=1)
    return done


def ops(done: Promoted) -> list[Op]:
    return [(each.key, each.op.value) for each in done.differences]


async def stands(world: World, environment: Environment, *keys: str) -> dict[str, Json]:
    async with world.store.transaction(world.tenant.id) as tx:
        shelf = await shelf_of(tx, environment, keys)
    return {key: told(shelf.entry(key)) for key in keys}


@pytest.mark.req("FR-CFG-003")
class TestPromotion:
    async def test_makes_the_target_say_what_the_source_says(self, world: World) -> None:
        for key in ("a", "b", "c", "d"):
            await define(world, key, "json", tags=["all"])
        await say(world, wish("a", {"x": 1, "y": 2}), wish("b", 1, enforced=True), wish("c", 3))
        await say(world, wish("a", {"x": 1, "y": 3}), wish("c", 3), wish("d", 4), environment=QA)
        plan = await promoted(world, choice=Choice(tag="all"), prune=True, dry_run=True)
        assert (plan.outcome, plan.equal, ops(plan)) == (
            "planned", 1, [("a", "changed"), ("b", "added"), ("d", "removed")],
        )  # fmt: skip
        assert plan.differences[0].changes == [{"op": "changed", "path": "/value/y", "before": 3, "after": 2}]
        assert (plan.differences[0].source_version, plan.differences[0].target_version) == (1, 1)
        assert (await stands(world, QA, "a"))["a"] == {"value": {"x": 1, "y": 3}}
        done = await promoted(world, choice=Choice(tag="all"), prune=True)
        assert (done.outcome, ops(done)) == ("applied", ops(plan))
        assert await stands(world, QA, "a", "b", "c", "d") == await stands(world, DEV, "a", "b", "c", "d")

    async def test_of_what_is_equal_writes_nothing(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        await promoted(world, "limit")
        again = await promoted(world, "limit")
        assert (again.outcome, again.equal, again.differences) == ("no_changes", 1, ())

    async def test_leaves_what_only_the_target_says(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1), environment=QA)
        done = await promoted(world, "limit")
        assert (done.outcome, ops(done)) == ("no_changes", [("limit", "kept")])

    async def test_takes_neither_secrets_nor_what_stands_below(self, world: World) -> None:
        await define(world)
        await define(world, "token", "secret", scopes=["tenant"])
        await say(world, wish("limit", 1), wish("limit", 2, DE), wish("token", "hunter2"))
        done = await promoted(world, choice=Choice(prefix="t"))
        assert (done.outcome, done.secrets) == ("no_changes", ("token",))
        await promoted(world, "limit")
        async with world.store.transaction(world.tenant.id) as tx:
            scopes = [each.scope for each in await tx.settings.entries(QA, None, None, tx.now)]
        assert scopes == [""]

    async def test_takes_along_when_a_value_ends(self, world: World) -> None:
        await define(world)
        until = world.clock() + timedelta(days=1)
        await say(world, wish("limit", 1))
        await promoted(world, "limit")
        await say(world, wish("limit", 1, until=until))
        done = await promoted(world, "limit")
        assert done.differences[0].changes == [{"op": "added", "path": "/until", "after": until.isoformat()}]
        assert (await promoted(world, "limit")).outcome == "no_changes"

    async def test_is_checked_in_the_target_and_all_or_nothing(self, world: World) -> None:
        for key in ("a", "b", "c"):
            await define(world, key, "boolean")
        await rule(world, needs("a", "b"))
        await say(world, wish("a", True), wish("b", True), wish("c", True))
        with pytest.raises(RulesViolated) as refused:
            await promoted(world, "c", "a")
        assert paths(refused) == ["/differences/a"]
        assert await stands(world, QA, "a", "c") == {"a": {}, "c": {}}
        await promoted(world, "a", "b")

    async def test_waits_for_approval_as_one_change(self, world: World) -> None:
        await define(world, "a")
        await define(world, "b")
        await ungovern(world)
        await say(world, wish("a", 1), wish("b", 2), environment=QA)
        await govern(world, STAGING, 1)
        done = await promoted(world, "a", "b", source=QA, target=STAGING)
        assert done.outcome == "submitted"
        assert done.done is not None
        assert done.done.submitted is not None
        assert [target.key for target in done.done.submitted.change.content.targets] == ["#a", "#b"]

    async def test_goes_one_step_towards_production(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        for wrong in ({"target": STAGING}, {"source": QA, "target": DEV}, {"target": DEV, "skip": True}):
            with pytest.raises(Invalid) as refused:
                await promoted(world, "limit", **wrong)
            assert paths(refused) == ["/to"]
        await ungovern(world)
        assert (await promoted(world, "limit", target=PRODUCTION, skip=True)).outcome == "applied"

    async def test_is_of_something_that_can_be_promoted(self, world: World) -> None:
        await define(world)
        await define(world, "below", scopes=["company"])
        with pytest.raises(Invalid):
            await promoted(world, choice=Choice())
        with pytest.raises(Invalid) as refused:
            await promoted(world, "limit", "nothing", "below")
        assert paths(refused) == ["/keys/1", "/keys/2"]
        with pytest.raises(PermissionMissing):
            await promoted(world, "limit", actor=world.eve)

    async def test_that_is_asked_for_twice_happens_once(self, world: World) -> None:
        await define(world, "a")
        await define(world, "b")
        await say(world, wish("a", 1), wish("b", 2, until=world.clock() + timedelta(days=1)))
        await say(world, wish("a", 5), environment=QA)
        actor = replace(world.ada, request=uuid4())
        one = await promoted(world, "a", "b", actor=actor)
        await say(world, wish("a", 9), environment=QA)
        other = await promoted(world, "a", "b", actor=actor)
        assert (one.outcome, replace(one, done=None)) == (other.outcome, replace(other, done=None))
        await govern(world, STAGING, 1)
        actor = replace(world.ada, request=uuid4())
        one, other = [await promoted(world, "a", "b", source=QA, target=STAGING, actor=actor) for _ in range(2)]
        assert (other.outcome, other.differences, other.equal) == ("submitted", one.differences, one.equal)


KEYS = ("a", "b", "c", "d", "e")
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.text("xy", max_size=2))
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("pqr"), inner, max_size=3), max_leaves=6)
SAID = st.dictionaries(st.sampled_from(KEYS), TREES, max_size=5)


@pytest.mark.req("FR-CFG-003")
class TestAnyPromotion:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(SAID, SAID, st.sets(st.sampled_from(KEYS), min_size=1), st.booleans())
    async def test_makes_the_chosen_equal_and_moves_nothing_else(
        self, source: dict[str, Json], target: dict[str, Json], meant: set[str], prune: bool,  # noqa: FBT001  drawn
    ) -> None:  # fmt: skip
        clock = Clock()
        world = await world_in(MemoryStore(clock), clock)
        for key in KEYS:
            await define(world, key, "json", nullable=True)
        for environment, said in ((DEV, source), (QA, target), (STAGING, target)):
            await govern(world, environment, 0)
            if said:
                await say(world, *(wish(key, value) for key, value in said.items()), environment=environment)
        await promoted(world, *sorted(meant), prune=prune)
        wanted = {key: value for key, value in target.items() if not prune or key not in meant}
        wanted |= {key: source[key] for key in meant & source.keys()}
        for environment, said in ((DEV, source), (QA, wanted), (STAGING, target)):
            kept = {key: {"value": said[key]} if key in said else {} for key in KEYS}
            assert canonical_bytes(await stands(world, environment, *KEYS)) == canonical_bytes(kept)
        assert (await promoted(world, *sorted(meant), prune=prune)).outcome == "no_changes"


@pytest.mark.req("FR-CFG-003")
class TestComparison:
    async def test_of_two_environments_is_told_key_by_key(self, configs: ConfigCases, world: World) -> None:
        for key in ("a", "b", "c", "d"):
            await define(world, key)
        await define(world, "token", "secret", scopes=["tenant"])
        await say(world, wish("a", 1), wish("b", 2), wish("d", 4), wish("token", "one"))
        await say(world, wish("b", 3), wish("c", 3), wish("d", 4), wish("token", "two"), environment=QA)
        found, after = await configs.comparisons.page(world.eve, Pair(DEV, QA, Choice()), "", 10)
        assert [(each.key, each.op, each.left_version, each.right_version) for each in found] == [
            ("a", "removed", 1, None), ("b", "changed", 1, 1), ("c", "added", None, 1), ("token", "changed", 1, 1),
        ]  # fmt: skip
        assert found[1].changes == [{"op": "changed", "path": "/value", "before": 2, "after": 3}]
        assert found[3].changes == [{"op": "changed", "path": "/value"}]
        assert after is None

    async def test_goes_on_after_the_last_key_that_it_looked_at(self, configs: ConfigCases, world: World) -> None:
        for key in ("a", "b", "c"):
            await define(world, key)
        await say(world, wish("a", 1), wish("b", 1), wish("c", 1))
        await say(world, wish("a", 1), wish("c", 2), environment=QA)
        seen, after = [], ""
        while True:
            found, last = await configs.comparisons.page(world.eve, Pair(DEV, QA, Choice()), after, 1)
            seen += [each.key for each in found]
            if last is None:
                break
            after = last
        assert seen == ["b", "c"]

    async def test_takes_no_notice_of_what_was_taken_back(self, configs: ConfigCases, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1), environment=QA)
        await say(world, unset("limit"), environment=QA)
        assert await configs.comparisons.page(world.eve, Pair(DEV, QA, Choice()), "", 9) == ([], None)

    async def test_of_two_tenants_is_for_those_who_belong_to_both(self, configs: ConfigCases, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        there = await world.tenants.admit_tenant("next-door", "Next door")
        pair = Pair(DEV, DEV, Choice(), "next-door")
        with pytest.raises(Missing):
            await configs.comparisons.page(world.ada, pair, "", 9)
        await world.tenants.admit_principal(there, "ada", frozenset({Role.VIEWER}), issuer="tests")
        found, _ = await configs.comparisons.page(world.ada, pair, "", 9)
        assert [(each.key, each.op) for each in found] == [("limit", "removed")]
        await world.tenants.admit_principal(there, "eve", frozenset(), issuer="tests")
        with pytest.raises(PermissionMissing):
            await configs.comparisons.page(world.eve, pair, "", 9)
