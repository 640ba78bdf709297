"""The page about authored flags is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("FR-SM-010", "FR-SM-011", "FR-SM-012")
async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any) -> None:
    told = await follow("author-a-flag", "ada")
    assert told.count(" gets on") == 3
    assert told.count(" gets off") == 4
    flag = (await ask("eve", "GET", "/flags/new-till?environment=dev")).json()
    assert (flag["version"], flag["definition"]["authoring"]["serve"]) == (2, "on")
    segments = (await ask("eve", "GET", "/segments?environment=dev")).json()["items"]
    assert [(each["name"], each["flags"]) for each in segments] == [("beta", ["new-till"])]
