"""The page about opening periods is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("FR-SM-021", "FR-SM-022")
async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any) -> None:
    await follow("open-a-period", "root")
    told = (await ask("eve", "GET", "/entities/acme/periods?year=2025")).json()
    january, february = [[(gate["scope"], gate["status"], gate["epoch"]) for gate in period["gates"]]
                         for period in told["periods"][:2]]  # fmt: skip
    assert january == [("AP", "open", 4), ("GL", "open", 3)]
    assert february == [("AP", "open", 1), ("GL", "pending", 0)]
    (granted,) = (await ask("eve", "GET", "/entities/acme/periods/2025-01/exceptions")).json()["items"]
    assert (granted["person"], granted["holds"], granted["revoked_at"] is not None) == ("ada", False, True)
