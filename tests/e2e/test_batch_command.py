"""Batches from the terminal, at a real API."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.commands.moves import moved
from tests.conftest import House
from tests.contract.ordering import POST, TYPES
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names


@pytest.mark.req("CB-48")
async def test_is_sent_once_shown_and_followed(say: Say, store: PostgresStore, house: House, tmp_path: Path) -> None:
    await store.put_command_types(TYPES)
    file = tmp_path / "batch.json"
    file.write_text("no batch")
    assert (await say("ada", "commands", "batch", "send", str(file)))[0] == 2
    commands = [{"type": POST, "id": each, "payload": {"entry": 7}} for each in "12"]
    callback = {"type": "sales.ship-order", "id": "done", "payload": {}}
    file.write_text(json.dumps({"id": "b1", "commands": commands, "callback": callback}))
    send = ("ada", "commands", "batch", "send", str(file))
    assert await say(*send) == (0, "b1 is sent; none over of 2.\n")
    assert await say(*send) == (0, "b1 was sent before; none over of 2.\n")
    async with store.transaction(house.id) as tx:
        leased = await tx.commands.lease("ledger", 2, tx.now, uuid4())
        first, second = await moved(tx, [each.started() for each in leased])
        await moved(tx, [first.completed(None, tx.now), second.completed(None, tx.now)])
    assert await say("ada", "commands", "batch", "show", "b1") == (
        0, "b1: 2 completed of 2\ncallback sales/done is sent\n",
    )  # fmt: skip
    assert await say("ada", "commands", "batch", "watch", "b1") == (0, "2 completed of 2\n")
    code, said = await say("ada", "commands", "batch", "list")
    assert (code, said.splitlines()[1].split()[:3]) == (0, ["b1", "2", "2"])
