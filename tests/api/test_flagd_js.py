"""The unmodified provider of flagd for Node, which can send a selector and no more, evaluates what is streamed here."""

from pathlib import Path
from typing import Any

import pytest

from tests.api.flagging import CHECKOUT, Protocol, haste, served  # noqa: F401 -- fixtures are found by their names
from tests.keeping import pages

ON = {**CHECKOUT, "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on"]}}


@pytest.mark.req("FR-SM-041", "FD-01")
@pytest.mark.usefixtures("hasty")
async def test_it_hears_of_changes_outlives_the_server_and_ends_with_its_token(
    node_home: Path, protocol: Protocol, eventually: Any
) -> None:
    async with pages(node_home, "follow.mjs") as start:
        selector = f"{protocol.selector},token={protocol.token()}"
        asking = await start(protocol.door.host, str(protocol.door.port), selector)
        told = await asking.look()
        assert (told["value"], told["variant"], told["reason"]) == (False, "off", "STATIC")
        assert protocol.token() not in str(told["flagMetadata"])

        async def reason() -> str:
            return str((await asking.look())["reason"])

        async def changed(to: str) -> bool:
            return await reason() == to

        await protocol.put(ON)
        await eventually(lambda: changed("TARGETING_MATCH"))
        await protocol.close()
        await protocol.put(CHECKOUT)
        assert (await asking.look())["value"] is True
        await protocol.open()
        await eventually(lambda: changed("STATIC"))
        await protocol.revoke()
        await eventually(lambda: protocol.streams == 0)
        await protocol.put(ON)
        assert await reason() == "STATIC"
