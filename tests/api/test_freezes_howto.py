"""The page about freezes and windows is one program that runs as it is written."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "freezes-and-windows.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.req("S88", "S70")
async def test_every_command_does_what_the_page_says(address: str, world: Any, house: Any, ask: Any) -> None:
    token = world.headers(house, "root")["Authorization"].removeprefix("Bearer ")
    given = {**os.environ, "API": address, "TENANT": house.tenant.slug, "TOKEN": token}
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS), env=given,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await shell.communicate()
    assert shell.returncode == 0, (out.decode(), err.decode())
    for path in ("/freezes", "/blocks"):
        (lifted,) = (await ask("eve", "GET", path)).json()["items"]
        assert lifted["lifted_at"] is not None
    assert (await ask("eve", "GET", "/change-windows/office")).json()["opens"] is not None
    policy = (await ask("eve", "GET", "/rollout-policies/production/flag")).json()
    assert (policy["version"], policy["policy"]["strategies"]) == (1, ["canary", "blue-green", "rolling"])
