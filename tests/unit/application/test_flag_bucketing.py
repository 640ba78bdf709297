"""The bucketing of a flag set changes the way of every change, all at once, and only where the whole set allows it."""

from typing import Any
from uuid import UUID

import pytest

from application.briefing import briefed
from application.evaluation import Shelf
from application.flag_impact.asking import FlagImpacts
from application.previewing import Previewing
from application.whole_sets import WholeSets
from domain.audit import Action
from domain.changes import ChangeSet, NothingChanges
from domain.environments import Environment
from domain.errors import Invalid, Stale
from domain.flags import BUCKETING
from domain.rollouts import NotRollable, State
from tests.unit.application.estates import ALL, DIRECT, flag, nobody_is_asked, proposed
from tests.unit.application.test_flag_impacts import sample
from tests.world import OFF, PRODUCTION, World

V2, V3 = {"version": "v2"}, {"version": "v3"}
WHY, DEV = "because of the test", Environment.DEV
SPLIT: dict[str, Any] = {**OFF, "targeting": {"fractional": [["on", 50], ["off", 50]]}}
NEEDING: dict[str, Any] = {**OFF, "targeting": {"if": [{"$flag": ["checkout", "on"]}, "on"]}}
USERS = [{"targetingKey": f"u{n}"} for n in range(40)]
ALONE = "what all flags have in common is a change of its own"
GREEN = {"strategy": "blue-green", "blue_green": {"smoke": ["https://smoke.example.com/"]}}


async def wanted(world: World, content: Any = V2, version: int = 0, **given: Any) -> ChangeSet:
    return await world.propose(key=BUCKETING, content=content, base_version=version, **{"plan": DIRECT, **given})


async def agreed(world: World, content: Any = V2, version: int = 0, **given: Any) -> UUID:
    change = await wanted(world, content, version, **given)
    await world.submission.submit(world.ada, change.id)
    for handle in ("bob", "cyd"):
        await world.vote(handle, change.id)
    return change.id


async def shelf(world: World, environment: Environment = PRODUCTION) -> Shelf:
    async with world.store.transaction(world.tenant.id) as tx:
        return Shelf.of(await tx.flags.flag_set(environment), lambda: 0.0)


async def arms(world: World) -> list[Any]:
    flags = (await shelf(world)).flags
    return [flags.evaluate("checkout", user).variant for user in USERS]


@pytest.mark.req("BK1", "BR2")
class TestAsAChange:
    async def test_it_splits_everybody_anew_and_goes_back(self, world: World) -> None:
        await world.put(SPLIT)
        before, change = await arms(world), await agreed(world)
        assert await arms(world) == before
        assert (await world.admit(change)).state is State.RUNNING
        await world.progression.expose(world.step(change), 0)
        found = await shelf(world)
        assert (found.stored.bucketing, found.stored.revision) == ("v2", 2)
        assert (list(found.stored.flags), found.stored.evaluators) == (["checkout"], {})
        assert await arms(world) != before
        await world.progression.move(world.step(change), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(change)) is State.ROLLED_BACK
        stored = await world.flag(BUCKETING)
        assert stored is not None
        assert (stored.version, stored.definition, await arms(world)) == (2, V3, before)

    async def test_before_the_vote_every_flag_is_counted(self, world: World) -> None:
        await world.put(SPLIT)
        await world.put(SPLIT, key="basket")
        await world.put(OFF, key="search")
        change = await wanted(world)
        diff = await world.changes.diff(world.eve, change.id)
        assert [(each["path"], each["before"], each["after"]) for each in diff["changes"]] == [("/version", "v3", "v2")]
        await sample(world, *USERS)
        impact = (await world.changes.diff(world.eve, change.id))["impact"]
        assert (impact["contexts"], impact["touched"], impact["hashed"]) == (40, 3, True)
        moved = {each["key"]: each["changed"] for each in impact["flags"]}
        assert moved["search"] == 0 < min(moved["checkout"], moved["basket"])
        async with world.store.transaction(world.tenant.id) as tx:
            assert (await briefed(tx, change)).impact == impact
        given = await FlagImpacts(world.store).of_change(world.ada, change.id, USERS)
        before = await arms(world)
        await world.put(V2, key=BUCKETING)
        truth = sum(one != other for one, other in zip(before, await arms(world), strict=True))
        assert {each.key: each.variants for each in given.weighed.impact.flags}["checkout"] == truth > 0

    async def test_it_is_never_in_stages_nor_with_others_nor_elsewhere(self, world: World) -> None:
        with pytest.raises(NotRollable) as refusal:
            await wanted(world, plan={"strategy": "canary"})
        assert [each.path for each in refusal.value.faults] == ["/content"]
        await nobody_is_asked(world)
        beside = (flag(BUCKETING, V2, 0, at=0), flag("basket", OFF, 0, at=1))
        for targets, tenants in ((beside, None), ((flag(BUCKETING, V2, None),), ALL)):
            with pytest.raises(Invalid) as told:
                await proposed(world, *targets, tenants=tenants)
            assert ("/targets/0/key", ALONE) in {(each.path, each.message) for each in told.value.faults}

    @pytest.mark.parametrize(
        ("content", "path"),
        [({"version": "v1"}, "/content/version"), ({"version": ["v2"]}, "/content/version"), ({}, "/content"),
         ({"version": "v2", "more": 1}, "/content"), (V3, "/content")],
    )  # fmt: skip
    async def test_what_is_none_or_the_present_one_is_refused(self, world: World, content: Any, path: str) -> None:
        with pytest.raises(Invalid) as refusal:
            await wanted(world, content)
        assert [each.path for each in refusal.value.faults] == [path]
        assert isinstance(refusal.value, NothingChanges) is (content == V3)

    async def test_it_waits_for_who_is_served_in_stages(self, world: World) -> None:
        change, rollout = await agreed(world), await world.running()
        admission = await world.admit(change)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")
        with pytest.raises(Invalid) as refusal:
            await wanted(world)
        assert [each.message for each in refusal.value.faults] == [
            f"the rollout {rollout} serves checkout in stages: wait for its end"
        ]
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(rollout)) is State.ROLLED_BACK
        assert (await world.admit(await agreed(world))).state is State.RUNNING

    async def test_a_preview_splits_as_it_will_be(self, world: World) -> None:
        await world.put(SPLIT)
        before, change = await arms(world), await agreed(world, plan=GREEN)
        assert (await world.admit(change)).state is State.RUNNING
        previewing = Previewing(world.store, world.assertions, world.clock)
        issued = await previewing.issue(world.eve, change)
        green = await previewing.flags(world.tenant.id, PRODUCTION, issued.token, await shelf(world))
        assert await arms(world) == before != [green.evaluate("checkout", user).variant for user in USERS]


@pytest.mark.req("BK1", "FP2")
class TestTheWholeSet:
    """What needs a split without a subject can be said in v2 only."""

    async def test_is_judged_when_it_is_asked_for(self, world: World) -> None:
        await world.put(V2, key=BUCKETING)
        await world.put(SPLIT)
        await world.put(NEEDING, key="basket")
        with pytest.raises(Invalid) as refusal:
            await wanted(world, V3, 1)
        assert "the flag basket would not be valid any more" in refusal.value.faults[0].message

    async def test_is_judged_before_it_starts(self, world: World) -> None:
        await world.put(V2, key=BUCKETING)
        await world.put(SPLIT)
        change = await agreed(world, V3, 1)
        await world.put(NEEDING, key="basket")
        admission = await world.admit(change)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")

    async def test_is_judged_when_it_is_written(self, world: World) -> None:
        await world.put(V2, key=BUCKETING)
        await world.put(SPLIT)
        change = await agreed(world, V3, 1)
        assert (await world.admit(change)).state is State.RUNNING
        await world.put(NEEDING, key="basket")
        with pytest.raises(Invalid):
            await world.progression.expose(world.step(change), 0)
        assert (await shelf(world)).stored.bucketing == "v2"

    async def test_decides_what_a_flag_may_need(self, world: World) -> None:
        bucketing = WholeSets(world.store, BUCKETING)
        await world.flags.create(world.ada, (DEV, "checkout"), SPLIT, WHY)
        with pytest.raises(Invalid):
            await world.flags.create(world.ada, (DEV, "basket"), NEEDING, WHY)
        await bucketing.replace(world.ada, DEV, V2, expected=0, reason=WHY)
        await world.flags.create(world.ada, (DEV, "basket"), NEEDING, WHY)
        with pytest.raises(Invalid):
            await bucketing.replace(world.ada, DEV, V3, expected=1, reason=WHY)
        with pytest.raises(Stale):
            await bucketing.replace(world.ada, DEV, V2, expected=0, reason=WHY)
        (event,) = await world.events(Action.BUCKETING_CHANGED)
        assert (event.event["before"], event.event["after"]) == (None, {"version": 1, "definition": V2})
