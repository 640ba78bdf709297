"""The page about configs is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("FR-CFG-002", "FR-CFG-003", "FR-CFG-004")
async def test_every_command_does_what_the_page_says(follow: Follow, house: Any, ask: Any) -> None:
    told = await follow("configs", "ada")
    assert '"outcome":"applied"' in told
    compared = await ask("eve", "GET", "/configs/compare?left=dev&right=qa")
    assert compared.json()["items"] == []
    page = (await ask("eve", "GET", f"/configs/tenant/{house.tenant.slug}?environment=qa")).json()
    assert [(each["key"], each["value"]["retries"]) for each in page["items"]] == [("billing.gateway", 2)]
