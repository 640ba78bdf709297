"""The unmodified OpenFeature providers for JavaScript evaluate against this server, in Node and as a page in a browser.

The one for Node is older than answers without a value: to it a disabled flag is an error, with the application's
default all the same.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.types import Receive, Scope, Send

from application.flags import Flags
from domain.environments import Environment
from tests.api.conftest import served
from tests.keeping import pages

IN = Environment.DEV
FLAGS: dict[str, Any] = {
    "bool": {"state": "ENABLED", "variants": {"a": True, "b": False}, "defaultVariant": "a"},
    "text": {
        "state": "ENABLED", "variants": {"a": "green", "b": "blue"}, "defaultVariant": "a",
        "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "b"]},
    },
    "float": {"state": "ENABLED", "variants": {"a": 1.5, "b": 1.0}, "defaultVariant": "a"},
    "object": {"state": "ENABLED", "variants": {"a": {"size": 3}}, "defaultVariant": "a"},
    "off": {"state": "DISABLED", "variants": {"a": True, "b": False}, "defaultVariant": "b"},
}  # fmt: skip


def who(world: Any, house: Any) -> tuple[str, ...]:
    """The arguments of a program that asks in the shop's name."""
    return world.headers(house, "shop")["Authorization"].removeprefix("Bearer "), house.tenant.slug, IN.value


@pytest.mark.req("FR-SM-014", "OF-01")
class TestNodeClient:
    async def test_every_type_arrives_as_what_it_is(
        self, node_home: Path, world: Any, house: Any, address: str
    ) -> None:
        flags = Flags(world.services.store)
        for key, definition in FLAGS.items():
            await flags.create(house.ada, (IN, key), definition, "for the test")
        async with pages(node_home, "evaluate.mjs") as start:
            seen = await (await start(address, *who(world, house))).look()
        assert {key: told["value"] for key, told in seen.items()} == {
            "bool": True, "text": "blue", "number": 1.5, "object": {"size": 3}, "off": True, "missing": True,
        }  # fmt: skip
        assert (seen["text"]["reason"], seen["text"]["variant"]) == ("TARGETING_MATCH", "b")
        assert seen["missing"]["errorCode"] == "FLAG_NOT_FOUND"

    async def test_sees_a_change_outlives_the_server_and_is_told_nothing_once_it_may_not(
        self, node_home: Path, world: Any, house: Any, eventually: Callable[..., Any], unbelieved: None
    ) -> None:
        flags = Flags(world.services.store)
        async with pages(node_home, "evaluate.mjs") as start:
            async with served(world.app) as address:
                await flags.create(house.ada, (IN, "bool"), FLAGS["bool"], "for the test")
                asking = await start(address, *who(world, house))

                async def value() -> Any:
                    told = (await asking.look())["bool"]
                    return told["value"], told["reason"], told.get("errorCode")

                assert await value() == (True, "STATIC", None)
                changed = {**FLAGS["bool"], "defaultVariant": "b"}
                await flags.update(house.ada, (IN, "bool"), changed, expected=1, reason="for the test")
                await (await world.services.flag_sets.shelf(house.id, IN)).newer(1)
                assert await value() == (False, "STATIC", None)
                await flags.update(house.ada, (IN, "bool"), FLAGS["bool"], expected=2, reason="for the test")
            assert await value() == (False, "ERROR", "GENERAL")
            async with served(world.app, int(address.rpartition(":")[2])):
                assert await value() == (True, "STATIC", None)
                async with world.services.store.transaction(house.id) as tx:
                    await tx.people.set_roles(house.shop.id, frozenset())
                assert await value() == (False, "ERROR", "GENERAL")


def text(default: str) -> dict[str, Any]:
    return {**FLAGS["text"], "defaultVariant": default}


async def kept_by(world: Any, house: Any) -> tuple[str, ...]:
    """Who keeps it, once there is something to keep."""
    await Flags(world.services.store).create(house.ada, (IN, "text"), text("a"), "for the test")
    return who(world, house)


@pytest_asyncio.fixture
async def tagging(world: Any) -> AsyncIterator[str]:
    """A server in front of this one that asks for the flags of the web, whatever a page asks."""

    async def passing_on(scope: Scope, receive: Receive, send: Send) -> None:
        asked = {} if scope["type"] != "http" else {"query_string": b"tag=web&" + scope["query_string"]}
        await world.app({**scope, **asked}, receive, send)

    async with served(passing_on) as address:
        yield address


@pytest.mark.req("OF-01", "OF-02", "OF-03")
class TestPage:
    async def test_is_told_of_changes_and_of_every_context_what_is_its_own(
        self, node_home: Path, world: Any, house: Any, address: str, ask: Any
    ) -> None:
        async with pages(node_home) as browse:
            kept = await browse(address, *await kept_by(world, house))
            begun = await kept.tells("begun")
            assert (begun["value"], begun["variant"], begun["reason"]) == ("green", "a", "DEFAULT")
            assert begun["answers"] == [200]
            paying = await kept.change(targetingKey="user-1", plan="pro")
            assert (paying["value"], paying["reason"], paying["answers"]) == ("blue", "TARGETING_MATCH", [200])
            assert (await kept.change(targetingKey="user-1", plan="pro"))["answers"] == [304]
            await kept.change(targetingKey="user-1", plan="free")
            await Flags(world.services.store).update(house.ada, (IN, "text"), text("b"), expected=1, reason="for it")
            told = await kept.tells("PROVIDER_CONFIGURATION_CHANGED", "blue")
            assert (told["variant"], told["reason"], told["answers"]) == ("b", "DEFAULT", [200])
            await world.services.sightings.flush()
            seen = (await ask("eve", "GET", "/targets/dev/flag/text/instances")).json()["items"]
            assert [(each["name"], each["flags"]) for each in seen] == [("page-1", 2)]

    @pytest.mark.req("FR-SM-012")
    async def test_keeps_the_flags_with_a_tag_and_is_told_when_one_has_it_no_more(
        self, node_home: Path, world: Any, house: Any, tagging: str
    ) -> None:
        flags, key = Flags(world.services.store), (IN, "text")
        asking = await kept_by(world, house)
        async with pages(node_home) as browse:
            kept = await browse(tagging, *asking)
            assert (await kept.tells("begun"))["value"] == "coded"
            web = {**text("a"), "metadata": {"tags": "shop,web"}}
            await flags.update(house.ada, key, web, expected=1, reason="for the test")
            await kept.tells("PROVIDER_CONFIGURATION_CHANGED", "green")
            assert (await kept.change(targetingKey="user-1", plan="free"))["answers"] == [304]
            await flags.update(house.ada, key, text("a"), expected=2, reason="for the test")
            await kept.tells("PROVIDER_CONFIGURATION_CHANGED", "coded")

    async def test_hears_what_changed_while_the_server_was_away(
        self, node_home: Path, world: Any, house: Any, eventually: Callable[..., Any]
    ) -> None:
        flags, key = Flags(world.services.store), (IN, "text")
        async with pages(node_home) as browse:
            async with served(world.app) as address:
                kept = await browse(address, *await kept_by(world, house))
                await kept.tells("begun")
                await eventually(lambda: world.services.flag_streams._open[house.shop.id])
            await kept.tells("PROVIDER_STALE")
            await flags.update(house.ada, key, text("b"), expected=1, reason="for the test")
            async with served(world.app, int(address.rpartition(":")[2])):
                await kept.tells("PROVIDER_CONFIGURATION_CHANGED", "blue")
                await flags.update(house.ada, key, text("a"), expected=2, reason="for the test")
                await kept.tells("PROVIDER_CONFIGURATION_CHANGED", "green")

    async def test_that_may_evaluate_no_longer_is_told_nothing_more(
        self, node_home: Path, world: Any, house: Any, address: str, eventually: Callable[..., Any], unbelieved: None
    ) -> None:
        streams = world.services.flag_streams
        async with pages(node_home) as browse:
            kept = await browse(address, *await kept_by(world, house))
            await kept.tells("begun")
            await eventually(lambda: streams._open[house.shop.id])
            async with world.services.store.transaction(house.id) as tx:
                await tx.people.set_roles(house.shop.id, frozenset())
            await eventually(lambda: not streams._open[house.shop.id])
            assert (await kept.change(targetingKey="user-1", plan="pro"))["value"] == "green"
            assert [status for each in kept.seen for status in each["answers"]][-1] == 403
