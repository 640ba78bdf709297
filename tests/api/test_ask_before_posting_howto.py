"""The page about posting checks is one program that runs as it is written."""

import json
from typing import Any

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("FP27", "FP70")
async def test_every_command_does_what_the_page_says(follow: Follow) -> None:
    out = await follow("ask-before-posting", "root")
    told = [answers_of(each) for each in out.split('{"answers":')[1:]]
    assert [[(each["date"], each["allowed"], each["post_on"]) for each in answers] for answers in told] == [
        [("2024-03-15", True, None), ("2024-03-31", True, None)],
        [("2024-03-15", False, "2024-04-01")],
        [("2024-04-02", True, None)],
    ]


def answers_of(text: str) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]]
    answers, _ = json.JSONDecoder().raw_decode(text)
    return answers
