"""Approvers see whom a change of flags changes, from contexts that were sampled, before they vote."""

from dataclasses import replace
from typing import Any

import pytest

from application.briefing import briefed
from application.flag_impact.asking import FlagImpacts
from application.flag_impact.collecting import Samples
from application.flag_impact.sampling import FlagSampling
from application.flag_impact.weighing import ImpactTooCostly, NoContexts, Source, weighed
from application.summaries import rendered
from domain.canonical import Json
from domain.changes import ChangeSet
from domain.environments import Environment
from domain.errors import Invalid
from domain.flags import SHARED_RULES
from domain.flags.impact_words import sentences
from domain.flags.lifecycle import archived
from domain.flags.sampling import parse_sampling
from tests.hearing import Wire
from tests.world import OFF, ON, World

PRODUCTION, WHY = Environment.PRODUCTION, "because of the test"
GOLD = {**OFF, "targeting": {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}}
USERS = [{"targetingKey": f"u{n}", "plan": "gold" if n % 4 == 0 else "iron", "phone": "1"} for n in range(40)]


@pytest.fixture
def impacts(world: World) -> FlagImpacts:
    return FlagImpacts(world.store)


async def sample(world: World, *contexts: Any) -> None:
    """As an API would that evaluated for them."""
    samples = Samples(world.store, Wire())
    chosen = parse_sampling(["plan"], [], 100)
    await FlagSampling(world.store).choose(world.root, PRODUCTION, chosen, expected=0, reason=WHY)
    reservoir = samples.of(world.tenant.id, PRODUCTION)
    await samples.settle()
    for each in contexts or USERS:
        reservoir.offer(repr(each).encode(), each)
    await samples.settle()


async def told(world: World, change: ChangeSet) -> Json:
    async with world.store.transaction(world.tenant.id) as tx:
        return await weighed(tx, change)


async def proposed(world: World, **given: Any) -> ChangeSet:
    return await world.propose(plan={"strategy": "direct"}, **given)


def numbers(impact: Json) -> tuple[int, int, int]:
    return impact["changed"], impact["unchanged"], impact["unknown"]


@pytest.mark.req("BR2")
class TestChange:
    async def test_it_is_told_from_what_it_was_written_over(self, world: World, impacts: FlagImpacts) -> None:
        await world.put(ON)
        await world.put(GOLD, "other")
        change = await proposed(world, content=GOLD)
        assert await told(world, change) is None
        await sample(world)
        for _ in range(2):
            found = await told(world, change)
            assert (numbers(found), found["flags"][0]["values"]) == ((40, 0, 0), 30)
            await world.put(GOLD)  # what is there now is what the change writes
        diff = await world.changes.diff(world.eve, change.id)
        assert diff["impact"] == found
        seen = await impacts.of_change(world.ada, change.id, None)
        assert (seen.weighed.source, seen.weighed.hashed) == (Source.SAMPLED, True)
        assert len(seen.weighed.impact.examples) == 10

    async def test_approvers_are_told_in_words_that_name_nobody(self, world: World) -> None:
        await world.put(GOLD)
        change = await proposed(world, content={**GOLD, "defaultVariant": "on", "targeting": {}})
        await sample(world)
        async with world.store.transaction(world.tenant.id) as tx:
            brief = await briefed(tx, change)
        (section,) = (each for each in rendered(brief) if each.title == "Whom it changes")
        assert section.lines == (
            "Of 40 sampled contexts 40 change, 100.0 %: at 95 %, 92.5 % to 100.0 % of all.",
            "checkout: 30 from off to on, 10 from on as TARGETING_MATCH to on as STATIC.",
            "Subjects are hashed: shares are right, and who is in them is not told.",
        )
        assert "u1" not in str(brief)

    async def test_a_shared_rule_counts_all_flags_that_name_it(self, world: World) -> None:
        rules = {"good": {"==": [{"var": "plan"}, "gold"]}}
        await world.put(rules, SHARED_RULES)
        by_rule = {**OFF, "targeting": {"if": [{"$ref": "good"}, "on", "off"]}}
        await world.put(by_rule)
        await world.put(by_rule, "basket")
        await world.put(OFF, "search")
        await sample(world)
        wider = {"good": {"in": [{"var": "plan"}, ["gold", "iron"]]}}
        found = await told(world, await proposed(world, key=SHARED_RULES, content=wider))
        assert [(each["key"], each["changed"]) for each in found["flags"]] == [("basket", 30), ("checkout", 30)]
        assert (numbers(found), found["touched"]) == ((30, 10, 0), 2)
        assert found["segments"] == [{"name": "good", "contexts": 40, "changed": 30, "unknown": 0}]

    async def test_a_prerequisite_counts_who_needs_it(self, world: World) -> None:
        await world.put(OFF)
        await world.put({**OFF, "targeting": {"if": [{"$flag": ["checkout", "on"]}, "on", "off"]}}, "basket")
        await sample(world)
        found = await told(world, await proposed(world, content=GOLD))
        assert [(each["key"], each["values"]) for each in found["flags"]] == [("checkout", 10), ("basket", 10)]

    async def test_what_was_dropped_is_not_known(self, world: World) -> None:
        await world.put(OFF)
        await sample(world)
        by_phone = {**OFF, "targeting": {"if": [{"==": [{"var": "phone"}, "1"]}, "on", "off"]}}
        found = await told(world, await proposed(world, content=by_phone))
        assert (numbers(found), found["between"]) == ((0, 0, 40), None)
        assert [*sentences(found)] == [
            "Of 40 sampled contexts nothing is known: a rule reads what was dropped.",
            "It touches 1 flag.",
        ]

    async def test_what_others_receive_is_not_seen_by_contexts_of_this_tenant(self, world: World) -> None:
        await world.put(OFF)
        await sample(world)
        mine = await proposed(world, content=GOLD)
        theirs = replace(mine, content=replace(mine.content, tenants={"all": True}))
        assert await told(world, mine) is not None
        assert await told(world, theirs) is None


@pytest.mark.req("BR2")
class TestDraft:
    async def test_it_is_asked_with_contexts_or_without(self, world: World, impacts: FlagImpacts) -> None:
        await world.put(OFF)
        place = PRODUCTION, "checkout"
        with pytest.raises(NoContexts):
            await impacts.of_draft(world.eve, place, GOLD, None)
        given = await impacts.of_draft(world.eve, place, GOLD, [{"plan": "gold"}, {}])
        assert (given.weighed.source, given.weighed.hashed, given.contexts) == (Source.GIVEN, False, None)
        assert given.weighed.impact.flags[0].values == 1
        await sample(world)
        seen = await impacts.of_draft(world.ada, place, GOLD, None)
        assert (seen.weighed.impact.contexts, seen.weighed.impact.flags[0].values) == (40, 10)

    @pytest.mark.parametrize(("handle", "shown"), [("ada", True), ("bob", True), ("eve", False), ("olu", False)])
    async def test_sampled_attributes_are_for_who_writes_or_votes(
        self, world: World, impacts: FlagImpacts, handle: str, *, shown: bool
    ) -> None:
        await sample(world)
        seen = await impacts.of_draft(world.people[handle], (PRODUCTION, "checkout"), ON, None)
        assert (seen.contexts is not None) is shown

    async def test_one_that_could_not_be_written_is_refused(self, world: World, impacts: FlagImpacts) -> None:
        with pytest.raises(Invalid):
            await impacts.of_draft(world.eve, (PRODUCTION, "checkout"), {**OFF, "state": "?"}, [{}])

    async def test_rules_that_take_too_much_work_end_it(
        self, world: World, impacts: FlagImpacts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.flag_impact.weighing.LONGEST_SECONDS", 0.0)
        with pytest.raises(ImpactTooCostly):
            await impacts.of_draft(world.eve, (PRODUCTION, "checkout"), ON, [{}])
        await world.put(OFF)
        await sample(world)
        assert await told(world, await proposed(world, content=ON)) is None

    async def test_an_archived_flag_is_served_to_nobody(self, world: World, impacts: FlagImpacts) -> None:
        await world.put(archived(ON))
        seen = await impacts.of_draft(world.eve, (PRODUCTION, "checkout"), ON, [{}])
        assert seen.weighed.impact.flags[0].moves[0].before.reason == "FLAG_NOT_FOUND"
