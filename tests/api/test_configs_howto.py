"""The page about configs is one program that runs as it is written."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "configs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.req("FR-CFG-002", "FR-CFG-003", "FR-CFG-004")
async def test_every_command_does_what_the_page_says(address: str, world: Any, house: Any, ask: Any) -> None:
    token = world.headers(house, "ada")["Authorization"].removeprefix("Bearer ")
    given = {**os.environ, "API": address, "TENANT": house.tenant.slug, "TOKEN": token}
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS), env=given,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await shell.communicate()
    assert shell.returncode == 0, (out.decode(), err.decode())
    assert b'"outcome":"applied"' in out
    compared = await ask("eve", "GET", "/configs/compare?left=dev&right=qa")
    assert compared.json()["items"] == []
    page = (await ask("eve", "GET", f"/configs/tenant/{house.tenant.slug}?environment=qa")).json()
    assert [(each["key"], each["value"]["retries"]) for each in page["items"]] == [("billing.gateway", 2)]
