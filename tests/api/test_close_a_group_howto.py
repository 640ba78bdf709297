"""The page about closing a group is one program that runs as it is written; who else acts is played."""

import asyncio
from typing import Any

from tests.api.closing import Closing
from tests.api.howtos import Follow
from tests.api.test_closure_series import begins


async def played(closing: Closing) -> None:
    """What the workflows would do, and the votes, for whatever was asked for."""
    while True:
        for each in (await closing.ok("eve", "GET", "/closure-series"))["items"]:
            if each["state"] == "RUNNING":
                await begins(closing, each["id"])
        for each in (await closing.ok("eve", "GET", "/period-closures"))["items"]:
            if each["state"] == "INITIATED":
                await closed(closing, each["id"])
        await asyncio.sleep(0.05)


async def closed(closing: Closing, close: str) -> None:
    await closing.frozen(close)
    approval = await closing.asked(close)
    for handle in ("bob", "cyd"):
        await closing.ok(handle, "POST", f"/approvals/{approval}/approve", json={})
    await closing.closed(close)


async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any, world: Any, house: Any) -> None:
    closing = Closing(ask, world, house)
    playing = asyncio.ensure_future(played(closing))
    try:
        out = await follow("close-a-group", "root")
    finally:
        playing.cancel()
        await asyncio.wait([playing])
    assert out.rstrip().endswith("True")
    closes = (await closing.ok("eve", "GET", "/period-closures"))["items"]
    assert sorted((each["entity"], each["period"]) for each in closes if each["state"] == "CLOSED") == [
        ("at", "2025-01"), ("de", "2025-01"), ("de", "2025-02"), ("de", "2025-03"), ("holding", "2025-01"),
    ]  # fmt: skip
