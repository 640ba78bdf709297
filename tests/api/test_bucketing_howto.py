"""The page about the bucketing of a flag set is one program that runs as it is written."""

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("BK1", "BR2")
async def test_every_command_does_what_the_page_says(follow: Follow) -> None:
    told = (await follow("change-the-bucketing", "ada")).splitlines()
    assert told.pop(1).startswith("v3 0 ['openfeature-flagd-core")
    assert told == ["new-till 1", "True of 100", "v2 1", "v3 2", "v3 v2"]
