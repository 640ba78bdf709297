"""The page about many targets and tenants is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("FR-CFG-006")
async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any) -> None:
    await follow("many-targets", "root")
    changes = (await ask("eve", "GET", "/changes")).json()["items"]
    told = [([each["key"] for each in change["targets"]], change["tenants"]) for change in changes]
    assert told == [(["branch-checkout"], {"tiers": ["free"]}), (["#checkout.timeout", "fast-checkout"], None)]
    assert {change["status"] for change in changes} == {"SUBMITTED"}
