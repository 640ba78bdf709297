"""The page about closing periods is one program that runs as it is written; who else acts is played."""

import asyncio
from typing import Any

from domain.canonical import digest_of
from domain.closures import RunState
from tests.api.closing import Closing
from tests.api.howtos import Follow


async def played(closing: Closing) -> str:
    """What the workflow would do, and the votes; the id of the close."""
    close = await asked(closing, "INITIATED")
    await closing.frozen(close)
    cases = closing.world.services.closures
    while not (await cases.looking.stand(closing.step(close))).work_done:  # noqa: ASYNC110 -- another program does it
        await asyncio.sleep(0.05)
    approval = await closing.asked(close)
    for handle in ("bob", "cyd"):
        await closing.ok(handle, "POST", f"/approvals/{approval}/approve", json={})
    await closing.closed(close)
    return close


async def asked(closing: Closing, state: str) -> str:
    while True:
        items = (await closing.ok("eve", "GET", "/period-closures"))["items"]
        if items and items[0]["state"] == state:
            return str(items[0]["id"])
        await asyncio.sleep(0.05)


async def test_every_command_does_what_the_page_says(follow: Follow, ask: Any, world: Any, house: Any) -> None:
    closing = Closing(ask, world, house)
    playing = asyncio.ensure_future(played(closing))
    out = await follow("close-a-period", "root")
    close = await playing
    assert await closing.state(close) == RunState.CLOSED.value
    proof = await closing.ok("eve", "GET", f"/period-closures/{close}/certificate")
    assert out.rstrip().endswith(proof["digest"])
    assert digest_of(proof["certificate"]) == proof["digest"]
