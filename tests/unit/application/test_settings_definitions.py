from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from application.ports.settings import StoredDefinition
from application.settings.reading import Question
from application.submission import Submitted
from domain.changes import NothingChanges
from domain.environments import Environment
from domain.errors import Invalid, Missing, Stale
from domain.people import Actor, PermissionMissing
from domain.settings import DefinitionExists, IncompatibleDefinition, Scope
from tests.wishing import ADA, DE, SCOPES, WHY, conflicts, define, say, ungovern, unset, value, wish
from tests.world import World

LIMIT: dict[str, Any] = {"key": "limit", "type": "integer", "scopes": SCOPES}


async def redefine(world: World, expected: int = 1, **fields: Any) -> int:
    return (await replaced(world, {**LIMIT, **fields}, expected)).version


async def replaced(world: World, raw: Any, expected: int = 1, actor: Actor | None = None) -> StoredDefinition:
    done = await world.setting.meanings.redefine(actor or world.ada, "limit", raw, expected=expected, reason=WHY)
    assert isinstance(done, StoredDefinition)
    return done


@pytest.mark.req("FR-SM-001")
class TestCreation:
    async def test_writes_version_one_and_one_event(self, world: World) -> None:
        await define(world, default=10)
        stored = await world.setting.definitions.get(world.eve, "limit")
        assert (stored.version, stored.written_by, stored.definition["default"]) == (1, world.ada.id, 10)
        (event,) = await world.events("setting:definition:changed")
        assert (event.event["reason"], event.event["before"]) == (WHY, None)
        assert event.event["after"] == {"version": 1, "definition": stored.definition}

    async def test_happens_once_for_a_key(self, world: World) -> None:
        await define(world)
        with pytest.raises(DefinitionExists):
            await define(world)

    async def test_happens_once_for_a_request(self, world: World) -> None:
        asked = replace(world.ada, request=uuid4())
        first = await world.setting.definitions.create(asked, LIMIT, WHY)
        assert await world.setting.definitions.create(asked, LIMIT, WHY) == first

    @pytest.mark.req("ST78")
    @pytest.mark.parametrize("raw", [None, [], {}, {**LIMIT, "key": "1abc"}, {**LIMIT, "default": "10"}])
    async def test_says_what_is_wrong(self, world: World, raw: Any) -> None:
        with pytest.raises(Invalid):
            await world.setting.definitions.create(world.ada, raw, WHY)
        assert await world.setting.definitions.page(world.eve, "", 9) == []

    async def test_needs_permission(self, world: World) -> None:
        with pytest.raises(PermissionMissing):
            await world.setting.definitions.create(world.eve, LIMIT, WHY)

    async def test_tells_every_environment_that_there_is_a_new_key(self, world: World) -> None:
        await define(world)
        for environment in Environment:
            told = await world.setting.reads.effective(world.eve, Question(environment, Scope()), "limit")
            assert told.epoch == 1


class TestReplacement:
    async def test_appends_a_version_and_tells_every_environment(self, world: World) -> None:
        await ungovern(world)
        await define(world, default=10)
        assert await redefine(world, default=11) == 2
        assert await value(world, scope=ADA) == 11
        versions = await world.setting.definitions.versions(world.eve, "limit", 99, 9)
        assert [(each.version, each.definition["default"]) for each in versions] == [(2, 11), (1, 10)]
        assert [each.version for each in await world.setting.definitions.versions(world.eve, "limit", 2, 9)] == [1]
        for environment in Environment:
            told = await world.setting.reads.effective(world.eve, Question(environment, Scope()), "limit")
            assert (told.epoch, told.resolution.value) == (2, 11)
        *_, event = await world.events("setting:definition:changed")
        assert (event.event["before"]["version"], event.event["after"]["version"]) == (1, 2)

    @pytest.mark.parametrize("environment", list(Environment))
    async def test_is_tried_against_values_in_every_environment(self, world: World, environment: Environment) -> None:
        await ungovern(world)
        await define(world)
        await say(world, wish("limit", 99, DE), environment=environment)
        with pytest.raises(IncompatibleDefinition) as refused:
            await redefine(world, schema={"maximum": 50})
        (conflict,) = conflicts(refused.value)
        assert (environment.value in conflict, "company:de" in conflict, "99" in conflict) == (True, True, False)
        assert (await world.setting.definitions.get(world.eve, "limit")).version == 1

    async def test_is_tried_against_what_is_planned(self, world: World) -> None:
        await ungovern(world)
        await define(world)
        noon = world.clock().replace(year=2126)
        await say(world, wish("limit", 99, since=noon))
        with pytest.raises(IncompatibleDefinition):
            await redefine(world, schema={"maximum": 50})

    async def test_is_not_tried_against_what_was_taken_back(self, world: World) -> None:
        await ungovern(world)
        await define(world)
        await say(world, wish("limit", 99))
        await say(world, unset("limit"))
        assert await redefine(world, schema={"maximum": 50}) == 2
        with pytest.raises(Invalid):
            await say(world, wish("limit", 51))

    async def test_keeps_the_type_and_the_kinds_of_scope_that_are_used(self, world: World) -> None:
        await ungovern(world)
        await define(world)
        await say(world, wish("limit", 1, DE))
        with pytest.raises(IncompatibleDefinition):
            await redefine(world, type="number")
        with pytest.raises(IncompatibleDefinition):
            await redefine(world, scopes=["tenant"])
        assert await redefine(world, scopes=["company"]) == 2

    async def test_of_another_version_is_stale(self, world: World) -> None:
        await define(world)
        with pytest.raises(Stale) as refused:
            await redefine(world, expected=2, description="more")
        assert refused.value.facts == {"version": 1, "expected": 2}

    async def test_that_changes_nothing_is_refused(self, world: World) -> None:
        await define(world)
        with pytest.raises(NothingChanges):
            await redefine(world)

    async def test_of_words_needs_nobodys_approval_and_of_meaning_does(self, world: World) -> None:
        await define(world)
        assert await redefine(world, description="more", owner="ops", tags=["x"], ui={"widget": "slider"}) == 2
        raw = {**LIMIT, "default": 1}
        asked = await world.setting.meanings.redefine(world.ada, "limit", raw, expected=2, reason=WHY)
        assert isinstance(asked, Submitted)

    async def test_happens_once_for_a_request(self, world: World) -> None:
        await define(world)
        asked = replace(world.ada, request=uuid4())
        wanted = {**LIMIT, "description": "more"}
        again = [await replaced(world, wanted, actor=asked) for _ in range(2)]
        assert again[0] == again[1]
        assert again[0].version == 2

    async def test_is_of_the_key_that_is_named(self, world: World) -> None:
        await define(world)
        await define(world, "other")
        wanted = {**LIMIT, "key": "other", "description": "more"}
        assert (
            (await replaced(world, wanted)).key,
            (await world.setting.definitions.get(world.eve, "other")).version,
        ) == ("limit", 1)

    @pytest.mark.parametrize("raw", [None, [], "text"])
    async def test_says_what_is_wrong(self, world: World, raw: Any) -> None:
        await define(world)
        with pytest.raises(Invalid):
            await world.setting.definitions.replace(world.ada, "limit", raw, expected=1, reason=WHY)

    async def test_of_nothing_is_missing_and_needs_permission(self, world: World) -> None:
        with pytest.raises(Missing):
            await redefine(world)
        with pytest.raises(PermissionMissing):
            await world.setting.definitions.replace(world.eve, "limit", LIMIT, expected=1, reason=WHY)


class TestReading:
    async def test_is_by_key_in_pages(self, world: World) -> None:
        for key in ("c", "a", "b"):
            await define(world, key)
        page = await world.setting.definitions.page(world.eve, "a", 1)
        assert [each.key for each in page] == ["b"]

    async def test_of_nothing_is_missing(self, world: World) -> None:
        with pytest.raises(Missing):
            await world.setting.definitions.get(world.eve, "nothing")
        with pytest.raises(Missing):
            await world.setting.definitions.versions(world.eve, "nothing", 9, 9)
