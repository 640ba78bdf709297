"""Parked commands over HTTP: found, counted by their causes, and decided about once by somebody who may."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.moves import moved
from domain.commands import CommandError, ParkedKind
from tests.conftest import housed
from tests.contract.ordering import POST, TYPES

Ask = Any
WRONG = CommandError("permanent", "no-account", "there is no such account", {"line": 3}, "f-account")
WHY = "The account is there now."
EVIDENCE = "sha256:" + "0" * 64


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_command_types(TYPES)


class Queue:
    """Commands that ada sent and that went wrong."""

    def __init__(self, ask: Ask, store: Any, tenant: Any) -> None:
        self.ask, self._store, self._tenant = ask, store, tenant

    async def park(self, *ids: str, error: CommandError = WRONG, type: str = POST) -> None:  # noqa: A002 -- theirs
        for each in ids:
            wish = {"type": type, "id": each, "payload": {"entry": 7, "lines": [{"amount": "1.50"}]}}
            assert (await self.ask("ada", "POST", "/commands", json=wish)).status_code == 201
            async with self._store.transaction(self._tenant) as tx:
                (record,) = await tx.commands.lease("ledger", 1, tx.now, uuid4())
                (begun,) = await moved(tx, [record.started()])
                await moved(tx, [begun.parked_as(ParkedKind.PERMANENT, error)])

    async def read(self, who: str, path: str = "") -> Any:
        answer = await self.ask(who, "GET", f"/parked-commands{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def decide(self, act: str, id: str = "1", who: str = "olu", seen: int = 4, **wish: Any) -> Any:  # noqa: A002 -- the command's
        body = {"operation_id": str(uuid4()), "reason": WHY, **wish}
        path, head = f"/parked-commands/ledger/{id}/{act}", {"If-Match": f'"v{seen}"'}
        return await self.ask(who, "POST", path, json=body, headers=head)

    async def trail(self, id: str = "1") -> list[dict[str, Any]]:  # noqa: A002 -- the command's
        items: list[dict[str, Any]] = (await self.ask("ada", "GET", f"/commands/ledger/{id}/trail")).json()["items"]
        return items


@pytest.fixture
def queue(ask: Ask, store: Any, house: Any) -> Queue:
    return Queue(ask, store, house.id)


class TestLooking:
    @pytest.mark.req("CB-39", "S011")
    async def test_goes_page_by_page(self, queue: Queue) -> None:
        await queue.park(*"abcde")
        page = await queue.read("aud", "?limit=3&domain=ledger&kind=permanent&snoozed=false")
        rest = await queue.read("aud", f"?limit=3&cursor={page['next_cursor']}")
        assert [each["command"]["id"] for each in [*page["items"], *rest["items"]]] == list("edcba")
        assert rest["next_cursor"] is None

    @pytest.mark.req("CB-39")
    async def test_counts_causes(self, queue: Queue) -> None:
        await queue.park("1", "2")
        await queue.park("3", error=CommandError("transient", "timeout", "it took too long", None, "f-timeout"))
        page = await queue.read("aud", "/causes?limit=1")
        (first,), (second,) = page["items"], (await queue.read("aud", f"/causes?cursor={page['next_cursor']}"))["items"]
        assert [(each["fingerprint"], each["count"], each["code"]) for each in (first, second)] == [
            ("f-account", 2, "no-account"),
            ("f-timeout", 1, "timeout"),
        ]
        assert (await queue.decide("retry")).status_code == 200
        (only,) = (await queue.read("aud", "/causes?fingerprint=f-account"))["items"]
        assert (only["count"], only["last_resolution"]["act"], only["last_resolution"]["reason"]) == (1, "retry", WHY)

    @pytest.mark.req("CB-39")
    async def test_shows_what_it_carries_to_whoever_may_decide(self, queue: Queue, ask: Ask) -> None:
        await queue.park("1")
        whole, shape = (
            {"entry": 7, "lines": [{"amount": "1.50"}]},
            {"entry": "[hidden]", "lines": [{"amount": "[hidden]"}]},
        )
        for who, payload in (("olu", whole), ("ada", whole), ("aud", shape)):
            assert (await queue.read(who, "/ledger/1"))["command"]["payload"] == payload
            assert (await queue.read(who))["items"][0]["command"]["payload"] == payload
            assert (await ask(who, "GET", "/commands/ledger/1")).json()["payload"] == payload
            assert (await ask(who, "GET", "/commands")).json()["items"][0]["payload"] == payload

    async def test_another_tenants_are_missing(self, queue: Queue, world: Any, store: Any) -> None:
        await queue.park("1")
        other = await housed(store)
        async with world.client(other, "root") as client:
            assert (await client.get("/api/v1/parked-commands/ledger/1")).status_code == 404
            assert (await client.get("/api/v1/parked-commands")).json()["items"] == []
            assert (await client.get("/api/v1/parked-commands/causes")).json()["items"] == []


class TestRetrying:
    @pytest.mark.req("CB-40", "S012")
    async def test_begins_anew_and_forgets_nothing(self, queue: Queue, ask: Ask) -> None:
        await queue.park("1")
        tag = (await ask("olu", "GET", "/parked-commands/ledger/1")).headers["ETag"]
        answer = await queue.decide("retry")
        assert (tag, answer.headers["ETag"]) == ('"v4"', '"v5"')
        assert (answer.json()["state"], answer.json()["epoch"], answer.json()["cause"]) == ("pending", 2, "f-account")
        told = (await ask("ada", "GET", "/commands/ledger/1")).json()
        assert (told["state"], told["epoch"], told["attempt"], told["parked"]) == ("pending", 2, 0, None)
        trail = await queue.trail()
        assert [each["action"].partition(":")[2] for each in trail] == [
            "record:sent", "record:started", "record:parked", "parked:retried",
        ]  # fmt: skip
        assert (trail[-1]["reason"], trail[-1]["after"]["epoch"]) == (WHY, 2)
        assert trail[-1]["actor"] == answer.json()["actor"]

    async def test_may_send_it_to_a_workflow_of_its_own_and_back(self, queue: Queue, ask: Ask) -> None:
        await queue.park("1", "2")
        assert (await queue.decide("retry", alone=True)).json()["state"] == "pending"
        assert (await ask("ada", "GET", "/commands/ledger/1")).json()["alone"]
        assert [each["after"].get("alone") for each in await queue.trail()] == [None, None, None, True]
        assert (await queue.decide("retry", "2", alone=None)).status_code == 200
        assert not (await ask("ada", "GET", "/commands/ledger/2")).json()["alone"]
        assert (await queue.decide("cancel", "2", seen=5, alone=True)).status_code == 422

    @pytest.mark.req("CB-40", "S012", "CB-D8")
    async def test_is_for_those_who_may_with_a_reason(self, queue: Queue) -> None:
        await queue.park("1")
        assert (await queue.decide("retry", who="ada")).status_code == 403
        assert (await queue.decide("retry", who="aud")).status_code == 403
        short = await queue.decide("retry", reason="why not")
        assert (short.status_code, [each["path"] for each in short.json()["faults"]]) == (422, ["/reason"])
        assert (await queue.read("olu"))["items"][0]["command"]["version"] == 4

    @pytest.mark.req("CB-40", "S012")
    async def test_is_of_what_is_parked(self, queue: Queue, ask: Ask) -> None:
        await queue.park("1")
        assert (await queue.decide("retry", "2")).status_code == 404
        assert (await queue.decide("retry", seen=3)).status_code == 412
        assert (await queue.decide("retry")).status_code == 200
        again = await queue.decide("retry", seen=5)
        assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong-command-state")
        path, body = "/parked-commands/ledger/1/retry", {"operation_id": str(uuid4()), "reason": WHY}
        assert (await ask("olu", "POST", path, json=body)).status_code == 428


class TestOperations:
    @pytest.mark.req("CB-42")
    async def test_of_one_id_are_one(self, queue: Queue) -> None:
        await queue.park("1", "2")
        mine = str(uuid4())
        first = await queue.decide("retry", operation_id=mine)
        again = await queue.decide("retry", operation_id=mine)
        assert (again.status_code, again.json()) == (200, first.json())
        assert [each["action"] for each in await queue.trail()].count("command:parked:retried") == 1
        for other in (("cancel", "1", "olu"), ("retry", "2", "olu"), ("retry", "1", "root")):
            answer = await queue.decide(*other, operation_id=mine)
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/operation-conflict")

    @pytest.mark.req("S013")
    async def test_cancel(self, queue: Queue, ask: Ask) -> None:
        await queue.park("1")
        assert (await queue.decide("cancel")).json()["state"] == "canceled"
        told = (await ask("ada", "GET", "/commands/ledger/1")).json()
        assert (told["state"], told["error"]["code"], told["ended_at"] is None) == ("canceled", "no-account", False)
        assert (await queue.trail())[-1]["reason"] == WHY
        assert (await queue.read("olu"))["items"] == []

    @pytest.mark.req("S014")
    async def test_complete_with_a_result_and_what_proves_it(self, queue: Queue, ask: Ask) -> None:
        await queue.park("1")
        assert (await queue.decide("complete")).status_code == 422
        broken = await queue.decide("complete", evidence=EVIDENCE, result={"text": "\0"})
        assert (broken.status_code, broken.json()["faults"][0]["path"]) == (422, "/result/text")
        asked = await queue.decide("complete", evidence=EVIDENCE, result={"journal": 9})
        assert (asked.status_code, asked.json()["standing"]) == (202, "awaiting-approval")
        assert (asked.json()["state"], asked.json()["evidence"]) == ("parked", EVIDENCE)
        told = (await ask("ada", "GET", "/commands/ledger/1")).json()
        assert (told["state"], told["result"], told["version"]) == ("parked", None, 4)

    async def test_snooze_until_an_instant(self, queue: Queue) -> None:
        await queue.park("1")
        now = datetime.now(UTC)
        for wrong in (now - timedelta(minutes=1), now + timedelta(days=91)):
            late = await queue.decide("snooze", until=wrong.isoformat())
            assert (late.status_code, late.json()["faults"][0]["path"]) == (422, "/until")
        assert (await queue.decide("snooze", until=(now + timedelta(days=1)).isoformat())).status_code == 200
        assert (await queue.read("olu", "?snoozed=false"))["items"] == []
        (parked,) = (await queue.read("olu", "?snoozed=true"))["items"]
        assert (parked["command"]["state"], parked["command"]["version"]) == ("parked", 5)

    async def test_assign_to_somebody_who_may_decide(self, queue: Queue) -> None:
        await queue.park("1")
        for nobody in ("ada", "nobody"):
            assert (await queue.decide("assign", person=nobody)).json()["faults"][0]["path"] == "/person"
        made = (await queue.decide("assign", person="olu")).json()
        (parked,) = (await queue.read("olu", f"?assignee={made['actor']}"))["items"]
        assert (parked["assignee"], parked["command"]["version"]) == (made["actor"], 5)
        assert (await queue.decide("assign", person=None, seen=5)).status_code == 200
        assert (await queue.read("olu"))["items"][0]["assignee"] is None
