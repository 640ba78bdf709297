"""The page about fiscal calendars is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("FR-SM-020", "FR-SM-021")
async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any) -> None:
    await follow("fiscal-calendar", "root")
    made = (await ask("eve", "GET", "/calendars/books/years")).json()["items"]
    assert [(each["code"], each["kind"]) for each in made] == [
        ("2024", "short"), ("2026T", "transition"), ("2026", "standard")
    ]  # fmt: skip
    told = (await ask("eve", "GET", "/calendars/shops/years/2023?entity=acme-de")).json()
    assert (told["days"], told["used"]) == (371, False)
