"""The page about parked commands is one program that runs as it is written."""

import json
from typing import Any
from uuid import uuid4

import pytest

from application.commands.cases import CommandCases
from application.commands.moves import moved
from domain.commands import CommandError, ParkedKind
from tests.api.howtos import Follow
from tests.contract.ordering import TYPES, journal

WRONG = CommandError("permanent", "no-account", "there is no such account", {"account": 1200}, "f-account")


@pytest.mark.req("CB-39", "CB-40", "CB-43", "CB-44")
async def test_every_command_does_what_the_page_says(follow: Follow, world: Any, house: Any) -> None:
    store = world.services.store
    await store.put_command_types(TYPES)
    journals = [journal(f"journal-{each}") for each in (41, 42, 43, 44, 45)]
    await CommandCases.over(store).sending.send_many(house.ada, journals)
    async with store.transaction(house.id) as tx:
        records = await tx.commands.lease("ledger", 5, tx.now, uuid4())
        begun = await moved(tx, [each.started() for each in records])
        await moved(tx, [each.parked_as(ParkedKind.PERMANENT, WRONG) for each in begun])
    causes, *told, asleep = answers(await follow("parked-commands", "olu", "root"))
    decisions = [each for each in told if "act" in each]
    preview, lineage = [each for each in told if "act" not in each]
    assert [(each["code"], each["count"]) for each in causes["items"]] == [("no-account", 5)]
    assert [(each["act"], each["command"], each["standing"], each["state"], each["epoch"]) for each in decisions] == [
        ("retry", "ledger/journal-41", "made", "pending", 2),
        ("complete", "ledger/journal-42", "awaiting-approval", "parked", 1),
        ("complete", "ledger/journal-42", "made", "completed", 1),
        ("cancel", "ledger/journal-43", "made", "canceled", 1),
        ("edit", "ledger/journal-45", "awaiting-approval", "parked", 1),
        ("assign", "ledger/journal-44", "made", "parked", 1),
        ("snooze", "ledger/journal-44", "made", "parked", 1),
    ]
    assert (preview["payload"], preview["faults"]) == ({"entry": 8}, [])
    assert [each["edited_in"] for each in lineage["epochs"]] == [None, 2]
    (only,) = asleep["items"]
    assert (only["command"]["id"], only["assignee"]) == ("journal-44", str(house.olu.id))


def answers(text: str) -> list[Any]:
    found, place = [], 0
    while place < len(text):
        answer, place = json.JSONDecoder().raw_decode(text, place)
        found.append(answer)
    return found
