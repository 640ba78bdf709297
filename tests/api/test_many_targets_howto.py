"""The page about many targets and tenants is one program that runs as it is written."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "many-targets.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.req("FR-CFG-006")
async def test_every_command_does_what_the_page_says(address: str, world: Any, house: Any, ask: Any) -> None:
    token = world.headers(house, "root")["Authorization"].removeprefix("Bearer ")
    given = {**os.environ, "API": address, "TENANT": house.tenant.slug, "TOKEN": token}
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS), env=given,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await shell.communicate()
    assert shell.returncode == 0, (out.decode(), err.decode())
    changes = (await ask("eve", "GET", "/changes")).json()["items"]
    told = [([each["key"] for each in change["targets"]], change["tenants"]) for change in changes]
    assert told == [(["branch-checkout"], {"tiers": ["free"]}), (["#checkout.timeout", "fast-checkout"], None)]
    assert {change["status"] for change in changes} == {"SUBMITTED"}
