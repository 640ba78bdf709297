"""The page about batches is one program that runs as it is written."""

from typing import Any

import pytest

from tests.api.howtos import Follow
from tests.api.test_parked_commands_howto import answers
from tests.contract.ordering import TYPES


@pytest.mark.req("CB-48")
async def test_every_command_does_what_the_page_says(follow: Follow, world: Any) -> None:
    await world.services.store.put_command_types(TYPES)
    sent, batch, parked = answers(await follow("batches", "ada"))
    assert (sent["replayed"], sent["batch"]) == (False, batch)
    assert (batch["total"], batch["over"], batch["callback"]["sent"]) == (20, False, False)
    assert parked["items"] == []
