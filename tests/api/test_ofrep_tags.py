"""Whoever asks OFREP for all flags may ask for those with a tag, and everything else stays as it is for all of them."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from application.flags import Flags
from domain.environments import Environment

pytestmark = pytest.mark.req("FR-SM-012", "FR-SM-041")

BULK = "/ofrep/v1/evaluate/flags"
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"a": 1, "b": 2}, "defaultVariant": "a"}
FLAGS: dict[str, Any] = {
    "cart": {**FLAG, "authoring": {"tags": ["web", "checkout"]}},
    "menu": {**FLAG, "metadata": {"tags": "web"}},
    "timed": {**FLAG, "targeting": {"if": [{">": [{"var": "$flagd.timestamp"}, 0]}, "b"]}},
}


@pytest_asyncio.fixture
async def tagged(world: Any, house: Any, ask: Any, eventually: Callable[..., Any]) -> Any:
    """Asks for the flags with some tags, where one that has none depends on the time."""
    for key, definition in FLAGS.items():
        await Flags(world.services.store).create(house.ada, (Environment.DEV, key), definition, "for the test")
    shelf = await world.services.flag_sets.shelf(house.id, Environment.DEV)
    await eventually(lambda: set(shelf.flags.keys) >= FLAGS.keys())

    async def asked(query: str, etag: str = "") -> httpx2.Response:
        headers = {"Changegate-Environment": "dev", "If-None-Match": etag}
        answer: httpx2.Response = await ask("shop", "POST", f"{BULK}?{query}", json={}, headers=headers)
        return answer

    return asked


async def test_only_flags_with_one_of_the_tags_are_answered(tagged: Any) -> None:
    for query, keys in {
        "tag=checkout": ["cart"], "tag=web": ["cart", "menu"], "tag=checkout&tag=web": ["cart", "menu"],
        "tag=moon": [], "tag=": [], "tag=w%65b": ["cart", "menu"], "": ["cart", "menu", "timed"],
    }.items():  # fmt: skip
        assert sorted(each["key"] for each in (await tagged(query)).json()["flags"]) == keys
    assert (await tagged("tag=checkout")).json()["flags"][0]["metadata"] == {"tags": "checkout,web"}


async def test_an_unchanged_answer_is_304_for_the_same_tags_only(tagged: Any) -> None:
    """A flag that is not asked for and depends on the time does not stand in the way."""
    etag = (await tagged("tag=checkout&tag=web")).headers["ETag"]
    assert (await tagged("tag=web&tag=checkout&tag=web", etag)).status_code == 304
    assert (await tagged("tag=web&tag=checkout&flagConfigEtag=%221%22", etag)).status_code == 304
    assert (await tagged("tag=web", etag)).status_code == 200
    everything = await tagged("flagConfigEtag=%221%22", etag)
    assert (everything.status_code, "ETag" in everything.headers) == (200, False)


async def test_the_stream_is_that_of_the_whole_set(tagged: Any) -> None:
    (some,), (every,) = [(await tagged(query)).json()["eventStreams"] for query in ("tag=web", "")]
    assert some == every


async def test_more_than_fifty_tags_are_too_many(tagged: Any) -> None:
    answer = await tagged("&".join(f"tag={number}" for number in range(51)))
    assert (answer.status_code, answer.json()) == (400, {"errorCode": "GENERAL", "errorDetails": "at most 50 tags"})
