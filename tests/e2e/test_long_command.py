"""A command that takes long, from the terminal: waited for, watched until it rests, and canceled."""

from pathlib import Path
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.commands.lasting import CANCELED
from application.commands.moves import moved
from cli import long_commands
from domain.commands import CommandType
from domain.commands.policies import TypePolicy
from domain.commands.progress import CommandProgress
from tests.conftest import House
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names

LONG = CommandType("ledger.rebuild", 1, {}, TypePolicy(lane="workflow").to_json())
WHY = ("--reason", "It will not end in this life.")


@pytest.mark.req("CB-43")
async def test_is_waited_for_watched_and_canceled(
    say: Say, store: PostgresStore, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_commands, "LOOK_SECONDS", 0.01)
    await store.put_command_types([LONG])
    payload = tmp_path / "rebuild.json"
    payload.write_text("{}")
    code, said = await say("ada", "commands", "send", LONG.type, "1", str(payload), "--wait", "1")
    assert (code, said) == (0, "ledger/1 is sent; it is pending.\n")
    async with store.transaction(house.id) as tx:
        (record,) = await tx.commands.lease("ledger", 1, tx.now, uuid4())
        (begun,) = await moved(tx, [record.started()])
        await tx.commands.long.tell(CommandProgress(begun.key, 1, 1, {"booked": 7}, tx.now))
    code, said = await say("olu", "commands", "cancel", "ledger", "1", *WHY)
    assert (code, said) == (
        0,
        "cancel of ledger/1: it is running until it has heard of it, in epoch 1 and version 3.\n",
    )
    assert (
        long_commands.words(
            {"domain": "ledger", "id": "1", "state": "running", "parked": None, "attempt": 1, "error": None},
            {"said": {"booked": 7}},
        )
        == 'ledger/1 is running, attempt 1: {"booked":7}'
    )
    async with store.transaction(house.id) as tx:
        await moved(tx, [begun.stopped(CANCELED, tx.now)])
    code, said = await say("ada", "commands", "watch", "ledger", "1")
    assert (code, said) == (3, "ledger/1 is canceled, attempt 1: canceled, a person canceled it\n")
    assert (await say("ada", "commands", "send", LONG.type, "2", str(payload)))[0] == 0
    async with store.transaction(house.id) as tx:
        (other,) = await tx.commands.lease("ledger", 1, tx.now, uuid4())
        await moved(tx, [(await moved(tx, [other.started()]))[0].completed({"booked": 9}, tx.now)])
    told = await say("ada", "commands", "send", LONG.type, "2", str(payload))
    assert told == (0, 'ledger/2 was sent before; it is completed.\n{"booked":9}\n')
