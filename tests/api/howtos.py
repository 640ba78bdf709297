"""A page of the how-tos is one program, which somebody runs at the API of the test as it is written."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages import played, program_of

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 120

Follow = Callable[[str, str], Awaitable[str]]


@pytest.fixture
def follow(address: str, world: Any, house: Any) -> Follow:
    """Runs the page of this name as the person of this handle; what it printed."""

    async def followed(page: str, handle: str) -> str:
        token = world.headers(house, handle)["Authorization"].removeprefix("Bearer ")
        given = {**os.environ, "API": address, "TENANT": house.tenant.slug, "TOKEN": token}
        program = program_of(ROOT / "docs" / "howto" / f"{page}.md")
        code, out = await played(program, ROOT, given, LONGEST_SECONDS)
        assert code == 0, out
        return out

    return followed
