"""Keys are chosen from memory and from the database alike."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from application.configs.choosing import Catalogue, Choice
from application.settings.snapshots import SettingSnapshots
from domain.environments import Environment
from tests.wishing import DE, DEV, define, say, unset, wish
from tests.world import Clock, World, world_in

KEYS = ("a", "a.b", "a.b.c", "ab", "b", "b_", "B")
TAGS = ("red", "blue")


class Line:
    """Nobody else writes here."""

    alive, line = True, 1

    async def listen(self) -> AsyncIterator[tuple[UUID, Environment] | None]:
        places: tuple[tuple[UUID, Environment], ...] = ()
        for place in places:
            yield place


async def furnished(tags: dict[str, list[str]]) -> World:
    clock = Clock()
    world = await world_in(MemoryStore(clock), clock)
    for key in KEYS:
        await define(world, key, tags=tags.get(key, []))
    await say(world, *(wish(key, 1) for key in tags), wish("b", 1, DE))
    return world


def wanted(tags: dict[str, list[str]], choice: Choice) -> list[str]:
    return sorted(
        key for key in tags if key.startswith(choice.prefix) and (choice.tag is None or choice.tag in tags[key])
    )


TAGGED = st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(TAGS), unique=True), max_size=7)
CHOICES = st.builds(Choice, st.sampled_from(("", "a", "a.", "ab", "b", "zz")), st.none() | st.sampled_from(TAGS))


@pytest.mark.req("FR-CFG-002")
class TestCatalogue:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(TAGGED, CHOICES, st.integers(1, 4))
    async def test_tells_every_key_once_in_order_from_either(
        self, tags: dict[str, list[str]], choice: Choice, limit: int
    ) -> None:
        world = await furnished(tags)
        snapshots = SettingSnapshots(world.store, Line(), world.clock)
        for catalogue in (Catalogue(world.store, snapshots), Catalogue(world.store, None)):
            found, after = [], ""
            while page := await catalogue.page(world.tenant.id, DEV, choice, after, limit):
                assert len(page) <= limit
                found += page
                after = page[-1]
            assert found == wanted(tags, choice)

    async def test_counts_those_that_have_a_value_and_forgets_what_is_forgotten(self) -> None:
        world = await furnished({"a": [], "ab": [], "b_": []})
        await say(world, unset("ab"))
        snapshots = SettingSnapshots(world.store, Line(), world.clock)
        catalogue = Catalogue(world.store, snapshots)
        assert catalogue.active() == {"dev": 0, "qa": 0, "staging": 0, "production": 0}
        for _ in range(3):
            await catalogue.page(world.tenant.id, DEV, Choice(), "", 9)
            assert catalogue.active()["dev"] == 2
            await say(world, wish("a", 2))
            await snapshots.refresh(world.tenant.id, DEV)
        assert len(catalogue._indexes) <= 1
