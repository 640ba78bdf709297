"""A page of the how-tos is one program, which somebody runs at the API of the test as it is written."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages import played, program_of

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 120

Follow = Callable[..., Awaitable[str]]


@pytest.fixture
def follow(address: str, world: Any, house: Any) -> Follow:
    """Runs the page of this name as the person of this handle, and maybe a second one; what it printed."""

    def token(handle: str) -> str:
        return str(world.headers(house, handle)["Authorization"].removeprefix("Bearer "))

    async def followed(page: str, handle: str, second: str | None = None) -> str:
        given = {**os.environ, "API": address, "TENANT": house.tenant.slug, "TOKEN": token(handle)}
        if second is not None:
            given["SECOND"] = token(second)
        program = program_of(ROOT / "docs" / "howto" / f"{page}.md")
        code, out = await played(program, ROOT, given, LONGEST_SECONDS)
        assert code == 0, out
        return out

    return followed
