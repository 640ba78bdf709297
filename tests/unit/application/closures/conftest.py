"""Every close begins in a world of its own, in memory."""

import pytest

from tests.closes import Close
from tests.world import World, at_once


@pytest.fixture
def close(world: World) -> Close:
    return at_once(Close(world).settle())
