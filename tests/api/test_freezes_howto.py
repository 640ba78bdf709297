"""The page about freezes and windows is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("S88", "S70")
async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any) -> None:
    await follow("freezes-and-windows", "root")
    for path in ("/freezes", "/blocks"):
        (lifted,) = (await ask("eve", "GET", path)).json()["items"]
        assert lifted["lifted_at"] is not None
    assert (await ask("eve", "GET", "/change-windows/office")).json()["opens"] is not None
    policy = (await ask("eve", "GET", "/rollout-policies/production/flag")).json()
    assert (policy["version"], policy["policy"]["strategies"]) == (1, ["canary", "blue-green", "rolling"])
