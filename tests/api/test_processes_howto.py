"""The page about processes is one program that runs as it is written."""

from dataclasses import replace
from typing import Any

import pytest

from application.sagas.declaring import ProcessBook
from application.sagas.starting import start_process
from domain.sagas import Step, StepState, Wish
from examples.ledger.moving import move_cash
from tests.api.howtos import Follow
from tests.api.test_parked_commands_howto import answers

DATA = {"source": "acme", "target": "kit", "on": "2024-03-14", "amount": "250.00"}


@pytest.mark.req("S057", "S063", "S064")
async def test_every_command_does_what_the_page_says(follow: Follow, world: Any, house: Any) -> None:
    store = world.services.store
    await store.put_process_types(ProcessBook(move_cash).types())
    async with store.transaction(house.id) as tx:
        saga = (await start_process(tx, Wish("ledger.move-cash", "move-41", DATA), house.ada)).saga
        left = Step("take-out", undoable=True).sent(("ledger", "1"), None)
        left = replace(left, state=StepState.UNDO_FAILED, undo=("ledger", "2"), undos=1, why="period-closed")
        await tx.sagas.save(replace(saga.planned([left]), back=True, why="bring-in: canceled").settled(tx.now))
    started, stopped, again = answers(await follow("processes", "olu"))
    assert (started["replayed"], started["process"]["state"]) == (False, "started")
    assert (stopped["process"], stopped["state"]) == ("ledger.move-cash/move-42", "compensated")
    assert (again["process"], again["act"], again["state"]) == ("ledger.move-cash/move-41", "retry", "compensating")
