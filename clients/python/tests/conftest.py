"""Everything here runs without the server's packages: the API is a stand-in over real HTTP."""

from collections.abc import Iterator

import pytest
from standin import StandIn


@pytest.fixture
def api() -> Iterator[StandIn]:
    with StandIn() as made:
        yield made
