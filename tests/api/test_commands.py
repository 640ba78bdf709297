"""Commands over HTTP: sent once, found again, and told from the beginning."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.moves import moved
from domain.commands import CommandError, CommandType, ParkedKind
from tests.conftest import housed
from tests.contract.ordering import POST, TYPES

Ask = Any


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_command_types(TYPES)


def wish(id: str = "42", entry: int = 7, **given: Any) -> dict[str, Any]:  # noqa: A002 -- the command's
    return {"type": POST, "id": id, "payload": {"entry": entry}, **given}


async def sent(ask: Ask, *ids: str, **given: Any) -> list[dict[str, Any]]:
    body = {"commands": [wish(each, **given) for each in ids]}
    answer = await ask("ada", "POST", "/commands/bulk", json=body)
    assert answer.status_code == 201, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class TestSending:
    @pytest.mark.req("CB-03")
    async def test_is_answered_with_the_command(self, ask: Ask) -> None:
        given: dict[str, Any] = {"not_before": "2030-01-01T00:00:00Z", "priority": 9, "ordering_key": "acc 1"}
        first = await ask("ada", "POST", "/commands", json=wish(**given))
        assert first.status_code == 201
        assert first.json()["replayed"] is False
        command = first.json()["command"]
        assert {name: command[name] for name in ("domain", "id", "type", "state", "attempt", "payload", *given)} == {
            "domain": "ledger", "id": "42", "type": POST, "state": "pending", "attempt": 0,
            "payload": {"entry": 7}, **given,
        }  # fmt: skip
        again = await ask("ada", "POST", "/commands", json=wish(**given))
        assert (again.status_code, again.json()) == (200, {**first.json(), "replayed": True})
        assert (await ask("root", "GET", "/commands/ledger/42")).json() == command

    @pytest.mark.req("CB-05")
    async def test_something_else_is_a_problem_that_says_where(self, ask: Ask) -> None:
        await sent(ask, "1")
        body = {"commands": [wish("0"), wish("1", entry=8)]}
        answer = await ask("ada", "POST", "/commands/bulk", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/command-conflict")
        assert (answer.json()["at"], answer.json()["differs"]) == ("/commands/1", ["payload"])
        assert (await ask("ada", "GET", "/commands/ledger/0")).status_code == 404

    @pytest.mark.req("CB-10")
    async def test_what_no_handler_takes_is_a_problem(self, ask: Ask) -> None:
        wrong = await ask("ada", "POST", "/commands", json=wish(entry=0))
        assert wrong.status_code == 422
        assert [each["path"] for each in wrong.json()["faults"]] == ["/payload/entry"]
        unknown = await ask("ada", "POST", "/commands", json={**wish(), "type": "ledger.do-it"})
        assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/command-type-missing")
        assert [each["path"] for each in unknown.json()["faults"]] == ["/type"]

    @pytest.mark.req("CB-50")
    async def test_what_posts_says_in_whose_books_and_when(self, ask: Ask, world: Any) -> None:
        await world.services.store.put_command_types([CommandType("payables.pay", 1, {}, {"posts": "AP"})])
        pays: dict[str, Any] = {"type": "payables.pay", "entity": "de", "effective_date": "2026-03-31"}
        answer = await ask("ada", "POST", "/commands", json=wish(**pays))
        assert answer.status_code == 201, answer.text
        command = answer.json()["command"]
        assert (command["entity"], command["effective_date"]) == ("de", "2026-03-31")
        silent = await ask("ada", "POST", "/commands", json=wish("43", **{**pays, "entity": None}))
        assert (silent.status_code, silent.json()["faults"][0]["path"]) == (422, "/entity")

    async def test_a_repeated_request_is_answered_as_before(self, ask: Ask) -> None:
        key = {"Idempotency-Key": "once"}
        first = await ask("ada", "POST", "/commands", json=wish(), headers=key)
        again = await ask("ada", "POST", "/commands", json=wish(), headers=key)
        assert (again.status_code, again.json()) == (201, first.json())


class TestLooking:
    @pytest.mark.req("S016")
    async def test_goes_page_by_page(self, ask: Ask) -> None:
        await sent(ask, *"abcde")
        page = (await ask("ada", "GET", "/commands?limit=3&domain=ledger")).json()
        rest = (await ask("ada", "GET", f"/commands?limit=3&cursor={page['next_cursor']}")).json()
        assert [each["id"] for each in [*page["items"], *rest["items"]]] == list("edcba")
        assert rest["next_cursor"] is None

    @pytest.mark.req("S016")
    async def test_is_narrowed(self, ask: Ask) -> None:
        cause = str(uuid4())
        await sent(ask, "1", correlation=cause)
        await sent(ask, "2")

        async def found(query: str) -> list[str]:
            answer = await ask("ada", "GET", f"/commands?{query}")
            assert answer.status_code == 200, answer.text
            return [each["id"] for each in answer.json()["items"]]

        assert await found(f"state=pending&type={POST}&since=2026-01-01T00:00:00Z") == ["2", "1"]
        assert await found("state=parked") == []
        assert await found("until=2020-01-01T00:00:00Z") == []
        assert await found(f"correlation={cause}") == ["1"]
        assert await found(f"change={uuid4()}") == []

    async def test_another_tenants_are_missing(self, ask: Ask, world: Any, house: Any, store: Any) -> None:
        await sent(ask, "1")
        other = await housed(store)
        async with world.client(other, "root") as client:
            assert (await client.get("/api/v1/commands/ledger/1")).status_code == 404
            assert (await client.get("/api/v1/commands")).json()["items"] == []
            assert (await client.get("/api/v1/commands/ledger/1/trail")).json()["items"] == []

    async def test_types_are_listed(self, ask: Ask) -> None:
        items = (await ask("ada", "GET", "/command-types?domain=ledger")).json()["items"]
        assert [(each["type"], each["schema_version"]) for each in items if each["type"] == POST] == [
            (POST, 1),
            (POST, 2),
        ]


class TestTrail:
    @pytest.mark.req("CB-53", "S015")
    async def test_is_from_the_beginning(self, ask: Ask, world: Any, house: Any) -> None:
        await sent(ask, "1")
        error = CommandError("permanent", "no-account", "there is no such account", {"line": 3}, "sha256:aa")
        async with world.services.store.transaction(house.id) as tx:
            lease = uuid4()
            (record,) = await tx.commands.lease("ledger", 1, tx.now, lease)
            (begun,) = await moved(tx, [record.started()])
            await moved(tx, [begun.parked_as(ParkedKind.PERMANENT, error)])
        path = "/commands/ledger/1/trail"
        page = (await ask("ada", "GET", f"{path}?limit=2")).json()
        rest = (await ask("ada", "GET", f"{path}?limit=2&cursor={page['next_cursor']}")).json()
        acts = [each["action"] for each in [*page["items"], *rest["items"]]]
        assert acts == ["command:record:sent", "command:record:started", "command:record:parked"]
        told = (await ask("ada", "GET", "/commands/ledger/1")).json()
        assert (told["state"], told["parked"], told["error"]["code"], told["error"]["details"]) == (
            "parked", "permanent", "no-account", {"line": 3},
        )  # fmt: skip
        assert (await ask("ada", "GET", "/commands/ledger/2/trail")).json() == {"items": [], "next_cursor": None}
