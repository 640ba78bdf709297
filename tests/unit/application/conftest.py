"""Every story begins in a world of its own, in memory."""

import pytest

from adapters.memory.store import MemoryStore
from tests.hearing import here  # noqa: F401 -- fixtures are found by their name
from tests.world import Clock, World, at_once, world_in


@pytest.fixture
def world() -> World:
    clock = Clock()
    return at_once(world_in(MemoryStore(clock), clock))
