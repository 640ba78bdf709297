"""Configs in memory: made, read, written, taken back and brought back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.configs.cases import ConfigCases
from application.configs.choosing import Choice
from application.configs.naming import ConfigName
from application.configs.reading import NEWEST, Listed, Sought
from application.configs.writing import ConfigMoved, NewConfig, Say
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import AlreadyExists, Invalid, Missing, Stale
from domain.people import PermissionMissing
from domain.settings import DefinitionExists, OutOfPolicy, RulesViolated
from tests.wishing import DE, DEV, QA, STAGING, WHY, define, needs, paths, rule, say, wish
from tests.world import World

SECOND = timedelta(seconds=1)
GATEWAY = ConfigName(DEV, "billing.gateway")
TEXT: dict[str, Json] = {"type": "string", "tags": ["billing"]}


@pytest.fixture
def configs(world: World) -> ConfigCases:
    return ConfigCases.over(world.store, world.setting)


async def made(
    configs: ConfigCases, world: World, name: ConfigName = GATEWAY, value: Json = "stripe", **more: Any
) -> Any:
    definition, actor = more.get("definition", TEXT), more.get("actor", world.ada)
    outcome = await configs.writes.create(actor, NewConfig(name, value, definition, WHY))
    world.clock += SECOND
    return outcome


async def put(configs: ConfigCases, world: World, value: Json, over: int, name: ConfigName = GATEWAY) -> None:
    await configs.writes.put(world.ada, name, Say(value, over, WHY))
    world.clock += SECOND


async def delete(configs: ConfigCases, world: World, over: int, name: ConfigName = GATEWAY) -> None:
    await configs.writes.delete(world.ada, name, over, WHY)
    world.clock += SECOND


async def rolled_back(configs: ConfigCases, world: World, to: int, over: int) -> None:
    await configs.writes.roll_back(world.ada, GATEWAY, to, expected=over, reason=WHY)
    world.clock += SECOND


async def listed(configs: ConfigCases, world: World, limit: int = 100, **sought: Any) -> list[str]:
    page = await configs.reads.page(world.eve, world.tenant.slug, Sought(**sought), limit)
    return [f"{each.name.environment}:{each.name.key}" for each in page]


class TestName:
    def test_has_an_id_that_only_itself_has(self) -> None:
        assert ConfigName.of(GATEWAY.id) == GATEWAY
        assert len({ConfigName(each, "a").id for each in Environment}) == 4

    @pytest.mark.parametrize(
        "text", ["", "x", "a.b", "ZGV2", "ZGV2OjFh", "bm93aGVyZTph", f"{GATEWAY.id}=", "é", "A" * 400]
    )
    def test_no_other_text_is_one(self, text: str) -> None:
        with pytest.raises(Missing):
            ConfigName.of(text)


@pytest.mark.req("FR-CFG-002")
class TestCreate:
    async def test_defines_what_is_not_and_writes_the_first_value(self, configs: ConfigCases, world: World) -> None:
        await made(configs, world)
        config = await configs.reads.get(world.eve, GATEWAY)
        assert (config.stored.entry.value, config.latest, config.definition.tags) == ("stripe", 1, ("billing",))
        assert [each.event["resource"] for each in await world.events()][-2:] == [
            "billing.gateway",
            "dev/#billing.gateway",
        ]

    async def test_of_a_value_that_does_not_fit_defines_nothing(self, configs: ConfigCases, world: World) -> None:
        with pytest.raises(Invalid) as refused:
            await made(configs, world, value=1)
        assert paths(refused) == ["/items/0/value"]
        with pytest.raises(Missing):
            await world.setting.definitions.get(world.eve, "billing.gateway")

    async def test_that_breaks_a_rule_defines_nothing(self, configs: ConfigCases, world: World) -> None:
        await define(world, "a", "boolean")
        await define(world, "b", "boolean")
        await rule(world, needs("a", "b"))
        with pytest.raises(RulesViolated):
            await made(configs, world, ConfigName(DEV, "a"), True, definition=None)

    async def test_needs_a_type_where_nothing_is_defined(self, configs: ConfigCases, world: World) -> None:
        with pytest.raises(Invalid) as refused:
            await made(configs, world, definition=None)
        assert paths(refused) == ["/definition"]
        with pytest.raises(Invalid) as refused:
            await made(configs, world, definition={"type": "color", "tags": 1})
        assert paths(refused) == ["/definition/tags", "/definition/type"]

    async def test_takes_a_key_as_it_is_defined(self, configs: ConfigCases, world: World) -> None:
        await define(world, "billing.gateway", "string", tags=["billing"])
        await made(configs, world)
        await made(configs, world, ConfigName(QA, "billing.gateway"), definition=None)
        with pytest.raises(DefinitionExists):
            await made(configs, world, ConfigName(QA, "billing.gateway"), definition={"type": "integer"})
        with pytest.raises(AlreadyExists):
            await made(configs, world)

    async def test_of_a_secret_shows_it_to_nobody(self, configs: ConfigCases, world: World) -> None:
        await made(configs, world, value="hunter2", definition={"type": "secret"})
        assert "hunter2" not in repr(await configs.reads.get(world.eve, GATEWAY))
        with pytest.raises(Invalid):
            await made(configs, world, ConfigName(DEV, "other"), 1, definition={"type": "secret"})

    async def test_waits_for_approval_where_policy_asks_and_is_defined_by_then(
        self, configs: ConfigCases, world: World
    ) -> None:
        outcome = await made(configs, world, ConfigName(STAGING, "billing.gateway"))
        assert (outcome.entries, outcome.submitted.approval.id) == ((), outcome.submitted.change.id)
        assert (await world.setting.definitions.get(world.eve, "billing.gateway")).version == 1
        with pytest.raises(Missing):
            await configs.reads.get(world.eve, ConfigName(STAGING, "billing.gateway"))

    async def test_that_is_asked_for_twice_happens_once(self, configs: ConfigCases, world: World) -> None:
        actor = replace(world.ada, request=uuid4())
        one = await made(configs, world, actor=actor)
        other = await made(configs, world, actor=actor)
        assert one.entries == other.entries
        assert len(await world.events("setting:definition:changed")) == 1
        waits = ConfigName(STAGING, "billing.gateway")
        actor = replace(world.ada, request=uuid4())
        assert (await made(configs, world, waits, actor=actor)).submitted.change == (
            await made(configs, world, waits, actor=actor)
        ).submitted.change

    async def test_is_for_managers(self, configs: ConfigCases, world: World) -> None:
        with pytest.raises(PermissionMissing):
            await made(configs, world, actor=world.eve)


@pytest.mark.req("FR-CFG-002")
class TestWrite:
    async def test_is_a_version_over_the_one_that_was_seen(self, configs: ConfigCases, world: World) -> None:
        await made(configs, world)
        await put(configs, world, "paypal", 1)
        assert (await configs.reads.get(world.eve, GATEWAY)).stored.entry.value == "paypal"
        with pytest.raises(Stale):
            await put(configs, world, "stripe", 1)
        history = await configs.reads.history(world.eve, GATEWAY, NEWEST, 10)
        assert [each.entry.version for each in history] == [2, 1]

    async def test_keeps_what_is_enforced_and_constrained(self, configs: ConfigCases, world: World) -> None:
        await define(world, "limit")
        await say(world, wish("limit", 5, enforced=True, constraint={"maximum": 9}))
        await put(configs, world, 6, 1, ConfigName(DEV, "limit"))
        entry = (await configs.reads.get(world.eve, ConfigName(DEV, "limit"))).stored.entry
        assert (entry.value, entry.enforced, entry.constraint and entry.constraint.maximum) == (6, True, 9)
        with pytest.raises(OutOfPolicy):
            await put(configs, world, 10, 2, ConfigName(DEV, "limit"))

    async def test_is_of_what_was_made_here(self, configs: ConfigCases, world: World) -> None:
        await define(world, "limit")
        await say(world, wish("limit", 5, DE))
        for name in (GATEWAY, ConfigName(DEV, "limit")):
            with pytest.raises(Missing):
                await put(configs, world, 1, 0, name)
            with pytest.raises(Missing):
                await delete(configs, world, 0, name)
            with pytest.raises(Missing):
                await configs.reads.get(world.eve, name)
            with pytest.raises(Missing):
                await configs.reads.history(world.eve, name, NEWEST, 1)

    async def test_that_deletes_keeps_every_version_and_can_be_undone(self, configs: ConfigCases, world: World) -> None:
        await made(configs, world)
        await delete(configs, world, 1)
        with pytest.raises(Missing):
            await configs.reads.get(world.eve, GATEWAY)
        with pytest.raises(Missing):
            await delete(configs, world, 2)
        assert len(await configs.reads.history(world.eve, GATEWAY, NEWEST, 10)) == 2
        await rolled_back(configs, world, 1, 2)
        assert (await configs.reads.get(world.eve, GATEWAY)).latest == 3
        await delete(configs, world, 3)
        await made(configs, world, value="adyen", definition=None)
        assert (await configs.reads.get(world.eve, GATEWAY)).stored.entry.value == "adyen"

    @pytest.mark.req("FR-CFG-004")
    async def test_that_goes_back_over_a_later_one_shows_three_sides(self, configs: ConfigCases, world: World) -> None:
        await made(configs, world, value={"host": "a", "port": 1, "tls": True}, definition={"type": "json"})
        await put(configs, world, {"host": "b", "port": 1, "tls": None}, 1)
        await put(configs, world, {"host": "c", "port": 2, "tls": 1}, 2)
        with pytest.raises(ConfigMoved) as refused:
            await rolled_back(configs, world, 1, 2)
        assert (refused.value.facts["version"], refused.value.facts["expected"]) == (3, 2)
        assert refused.value.facts["changes"] == [
            {"path": "/value/host", "conflict": True, "base": "b", "theirs": "c", "ours": "a"},
            {"path": "/value/port", "conflict": False, "base": 1, "theirs": 2, "ours": 1},
            {"path": "/value/tls", "conflict": True, "base": None, "theirs": 1, "ours": True},
        ]

    async def test_of_a_secret_shows_no_side(self, configs: ConfigCases, world: World) -> None:
        await made(configs, world, value="one", definition={"type": "secret"})
        await put(configs, world, "two", 1)
        with pytest.raises(ConfigMoved) as refused:
            await rolled_back(configs, world, 1, 1)
        assert refused.value.facts["changes"] == [{"path": "/value", "conflict": False}]
        assert await configs.reads.compare(world.eve, GATEWAY, 1, 2) == [{"op": "changed", "path": "/value"}]


@pytest.mark.req("FR-CFG-002")
class TestList:
    async def test_is_by_environment_prefix_and_tag_in_pages(self, configs: ConfigCases, world: World) -> None:
        for key, tags in {"a.x": ["red"], "a.y": ["blue"], "ab": ["red"], "b": []}.items():
            await define(world, key, "integer", scopes=["tenant"], tags=tags)
        await say(world, *(wish(key, 1) for key in ("a.x", "a.y", "ab", "b")))
        await say(world, wish("a.x", 1), environment=QA)
        assert await listed(configs, world) == ["dev:a.x", "dev:a.y", "dev:ab", "dev:b", "qa:a.x"]
        assert await listed(configs, world, choice=Choice("a.")) == ["dev:a.x", "dev:a.y", "qa:a.x"]
        assert await listed(configs, world, choice=Choice("a", "red"), environment=DEV) == ["dev:a.x", "dev:ab"]
        assert await listed(configs, world, after=Listed(DEV, "a.y"), limit=3) == ["dev:ab", "dev:b", "qa:a.x"]
        assert await listed(configs, world, after=Listed(QA), limit=1) == ["qa:a.x"]

    async def test_leaves_out_what_was_deleted_or_stands_elsewhere(self, configs: ConfigCases, world: World) -> None:
        await define(world, "a")
        await define(world, "b", scopes=["company"])
        await define(world, "c")
        await say(world, wish("a", 1), wish("b", 1, DE), wish("c", 1))
        await delete(configs, world, 1, ConfigName(DEV, "a"))
        assert await listed(configs, world, limit=1) == ["dev:c"]

    async def test_of_another_tenant_does_not_exist(self, configs: ConfigCases, world: World) -> None:
        with pytest.raises(Missing):
            await configs.reads.page(world.eve, "elsewhere", Sought(), 1)
