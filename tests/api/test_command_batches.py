"""Batches over HTTP: sent whole, counted as their commands end, and found page by page."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.moves import moved
from domain.commands import CommandType
from domain.commands.batches import MOST_COMMANDS
from tests.contract.ordering import POST, TYPES

Ask = Any
CALLBACK = {"type": "sales.ship-order", "id": "done", "payload": {"order": 7}}


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_command_types(TYPES)


def wish(many: int = 2, **given: Any) -> dict[str, Any]:
    commands = [{"type": POST, "id": f"j{number}", "payload": {"entry": 7}} for number in range(many)]
    return {"id": "b1", "commands": commands, **given}


async def complete(world: Any, house: Any, most: int) -> None:
    async with world.services.store.transaction(house.id) as tx:
        leased = await tx.commands.lease("ledger", most, tx.now, uuid4())
        begun = await moved(tx, [each.started() for each in leased])
        await moved(tx, [each.completed(None, tx.now) for each in begun])


@pytest.mark.req("CB-48")
class TestBatches:
    async def test_are_followed_to_their_end(self, ask: Ask, world: Any, house: Any) -> None:
        first = await ask("ada", "POST", "/command-batches", json=wish(callback=CALLBACK))
        assert first.status_code == 201, first.text
        batch = first.json()["batch"]
        assert {name: batch[name] for name in ("id", "total", "completed", "parked", "over", "on_parked")} == {
            "id": "b1", "total": 2, "completed": 0, "parked": 0, "over": False, "on_parked": "wait",
        }  # fmt: skip
        assert batch["callback"] == {"domain": "sales", "id": "done", "type": "sales.ship-order", "sent": False}
        await complete(world, house, 1)
        again = await ask("ada", "POST", "/command-batches", json=wish(callback=CALLBACK))
        assert (again.status_code, again.json()["replayed"], again.json()["batch"]["completed"]) == (200, True, 1)
        await complete(world, house, 1)
        told = (await ask("root", "GET", "/command-batches/b1")).json()
        assert (told["over"], told["completed"], told["callback"]["sent"]) == (True, 2, True)
        callback = (await ask("ada", "GET", "/commands/sales/done")).json()
        assert callback["payload"]["batch"]["completed"] == 2
        items = (await ask("ada", "GET", "/commands?batch=b1")).json()["items"]
        assert [(each["id"], each["batch"]) for each in items] == [("j1", "b1"), ("j0", "b1")]

    async def test_conflicts_are_problems_that_say_where(self, ask: Ask) -> None:
        await ask("ada", "POST", "/commands", json=wish()["commands"][1])
        answer = await ask("ada", "POST", "/command-batches", json=wish())
        assert (answer.status_code, answer.json()["type"], answer.json()["at"]) == (
            409, "/problems/command-not-new", "/commands/1",
        )  # fmt: skip
        assert (await ask("ada", "GET", "/commands/ledger/j0")).status_code == 404
        assert (await ask("ada", "GET", "/command-batches/b1")).status_code == 404
        fine = {**wish(1), "id": "b2"}
        assert (await ask("ada", "POST", "/command-batches", json=fine)).status_code == 201
        other = await ask("ada", "POST", "/command-batches", json={**fine, "on_parked": "count_as_failed"})
        assert (other.status_code, other.json()["type"]) == (409, "/problems/batch-conflict")

    async def test_what_is_wrong_is_pointed_at(self, ask: Ask, world: Any) -> None:
        strict = {"type": "object", "additionalProperties": False, "properties": {"order": {"type": "integer"}}}
        await world.services.store.put_command_types([CommandType("shop.close", 1, strict)])
        callback = {"type": "shop.close", "id": "1", "payload": {"order": 7}}
        answer = await ask("ada", "POST", "/command-batches", json=wish(callback=callback))
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/callback/payload")
        many = await ask("ada", "POST", "/command-batches", json=wish(MOST_COMMANDS + 1))
        assert (many.status_code, many.json()["faults"][0]["path"]) == (422, "/commands")

    async def test_are_listed_page_by_page(self, ask: Ask) -> None:
        for name in "abc":
            body = {"id": name, "commands": [{"type": POST, "id": name, "payload": {"entry": 1}}]}
            assert (await ask("ada", "POST", "/command-batches", json=body)).status_code == 201
        page = (await ask("ada", "GET", "/command-batches?limit=2")).json()
        rest = (await ask("ada", "GET", f"/command-batches?limit=2&cursor={page['next_cursor']}")).json()
        assert [each["id"] for each in [*page["items"], *rest["items"]]] == ["c", "b", "a"]

    async def test_the_largest_is_one_request(self, ask: Ask) -> None:
        answer = await ask("ada", "POST", "/command-batches", json=wish(MOST_COMMANDS))
        assert answer.status_code == 201, answer.text
        assert answer.json()["batch"]["total"] == MOST_COMMANDS
