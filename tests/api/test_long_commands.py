"""Commands that take long, over HTTP: waited for, looked at while they run, and canceled by somebody who may."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.moves import moved
from application.ports.commands import EVERY, Types
from domain.commands import CommandError, CommandRecord, CommandType, ParkedKind
from domain.commands.policies import TypePolicy
from domain.commands.progress import CommandProgress
from tests.contract.ordering import POST, TYPES

Ask = Any
REBUILD = "ledger.rebuild"
LONG = CommandType(REBUILD, 1, {"type": "object"}, TypePolicy(lane="workflow", timeout_seconds=3600).to_json())
BUSY = CommandError("transient", "busy", "the bank does not answer")
WHY = "It will not end in this life."


class Desk:
    """Commands that ada sends, and what becomes of them."""

    def __init__(self, ask: Ask, store: Any, tenant: Any) -> None:
        self.ask, self._store, self._tenant = ask, store, tenant

    async def send(self, id: str = "1", type: str = REBUILD, query: str = "", **given: Any) -> Any:  # noqa: A002 -- names
        headers = given.pop("headers", {})
        wish = {"type": type, "id": id, "payload": {"entry": 7}, **given}
        return await self.ask("ada", "POST", f"/commands{query}", json=wish, headers=headers)

    async def begin(self, id: str = "1", types: Types = EVERY) -> CommandRecord:  # noqa: A002 -- the command's
        async with self._store.transaction(self._tenant) as tx:
            (record,) = await tx.commands.lease("ledger", 1, tx.now, uuid4(), types)
            assert record.command.id == id
            (begun,) = await moved(tx, [record.started()])
            return begun

    async def move(self, record: CommandRecord) -> None:
        async with self._store.transaction(self._tenant) as tx:
            await moved(tx, [record])

    async def complete(self, result: Any) -> None:
        """As soon as it is there."""
        for _ in range(3000):
            async with self._store.transaction(self._tenant) as tx:
                leased = await tx.commands.lease("ledger", 1, tx.now, uuid4())
                if leased:
                    (begun,) = await moved(tx, [leased[0].started()])
                    await moved(tx, [begun.completed(result, tx.now)])
                    return
            await asyncio.sleep(0.02)
        raise AssertionError("nothing was sent")

    async def tell(self, record: CommandRecord, said: Any) -> None:
        async with self._store.transaction(self._tenant) as tx:
            await tx.commands.long.tell(CommandProgress(record.key, record.epoch, record.attempt, said, tx.now))

    async def cancel(self, id: str = "1", who: str = "olu", seen: int = 1, **wish: Any) -> Any:  # noqa: A002 -- theirs
        body = {"operation_id": str(uuid4()), "reason": WHY, **wish}
        return await self.ask(
            who, "POST", f"/commands/ledger/{id}/cancel", json=body, headers={"If-Match": f'"v{seen}"'}
        )

    async def state(self, id: str = "1") -> str:  # noqa: A002 -- the command's
        return str((await self.ask("ada", "GET", f"/commands/ledger/{id}")).json()["state"])


@pytest_asyncio.fixture
async def desk(ask: Ask, world: Any, house: Any, store: Any) -> Desk:
    await world.services.store.put_command_types([*TYPES, LONG])
    return Desk(ask, store, house.id)


class TestWaiting:
    @pytest.mark.parametrize("kind", [POST, REBUILD])
    async def test_who_waits_is_told_the_result(self, desk: Desk, kind: str) -> None:
        answer, _ = await asyncio.gather(desk.send("1", kind, "?wait=30"), desk.complete({"posted": 7}))
        assert answer.status_code == 200, answer.text
        assert (answer.json()["command"]["state"], answer.json()["command"]["result"]) == ("completed", {"posted": 7})
        again = await desk.send("1", kind, headers={"Prefer": "respond-async, Wait=1"})
        assert (again.status_code, again.json()["replayed"]) == (200, True)
        assert again.headers["Preference-Applied"] == "wait=1"

    async def test_what_is_not_over_by_then_says_where_it_will_be_told(self, desk: Desk) -> None:
        answer = await desk.send(headers={"Prefer": "wait=1"})
        assert (answer.status_code, answer.headers["Location"]) == (202, "/api/v1/commands/ledger/1")
        assert answer.json()["command"]["state"] == "pending"

    async def test_what_waits_for_a_person_is_told_at_once(self, desk: Desk) -> None:
        await desk.send()
        await desk.move((await desk.begin()).parked_as(ParkedKind.PERMANENT, BUSY))
        answer = await desk.send(query="?wait=30")
        assert (answer.status_code, answer.json()["command"]["state"]) == (202, "parked")

    async def test_nobody_waits_for_longer_than_half_a_minute(self, desk: Desk) -> None:
        refused = await desk.send(query="?wait=31")
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/query/wait")
        plain = await desk.send(headers={"Prefer": "wait=soon, handling=lenient"})
        assert (plain.status_code, "Preference-Applied" in plain.headers) == (201, False)

    async def test_temporal_is_not_needed_to_be_told(self, desk: Desk, world: Any) -> None:
        world.services.processes.down = True
        try:
            answer, _ = await asyncio.gather(desk.send(query="?wait=30"), desk.complete(None))
        finally:
            world.services.processes.down = False
        assert (answer.status_code, answer.json()["command"]["state"]) == (200, "completed")


class TestProgress:
    async def test_is_shown_to_who_may_see_what_it_carries(self, desk: Desk) -> None:
        await desk.send()
        assert (await desk.ask("ada", "GET", "/commands/ledger/1/progress")).status_code == 404
        await desk.tell(await desk.begin(), {"booked": 7, "of": [9]})
        told = (await desk.ask("ada", "GET", "/commands/ledger/1/progress")).json()
        assert (told["epoch"], told["attempt"], told["said"]) == (1, 1, {"booked": 7, "of": [9]})
        masked = (await desk.ask("aud", "GET", "/commands/ledger/1/progress")).json()
        assert masked["said"] == {"booked": "[hidden]", "of": ["[hidden]"]}


class TestCancel:
    @pytest.mark.req("CB-43")
    @pytest.mark.parametrize("kind", [POST, REBUILD])
    async def test_what_waits_is_over_at_once(self, desk: Desk, kind: str) -> None:
        await desk.send("1", kind)
        answer = await desk.cancel()
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")
        assert await desk.state() == "canceled"
        (told,) = [
            each
            for each in (await desk.ask("ada", "GET", "/commands/ledger/1/trail")).json()["items"]
            if each["action"] == "command:record:canceled"
        ]
        assert (told["reason"], told["actor_type"]) == (WHY, "human")

    @pytest.mark.parametrize("alone", [False, True])
    async def test_what_is_executed_is_asked_to_end(self, desk: Desk, *, alone: bool) -> None:
        await desk.send("1", POST if alone else REBUILD, alone=alone)
        await desk.begin(types=Types(alone=alone))
        answer = await desk.cancel(seen=3, operation_id="00000000-0000-4000-8000-00000000000a")
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "running"
        again = await desk.cancel(seen=3, operation_id="00000000-0000-4000-8000-00000000000a")
        assert again.json() == answer.json()
        other = await desk.cancel(seen=3)
        assert (other.status_code, other.json()["type"]) == (409, "/problems/cancel-asked")
        acts = [each["action"] for each in (await desk.ask("ada", "GET", "/commands/ledger/1/trail")).json()["items"]]
        assert acts[-1] == "command:cancellation:asked"

    @pytest.mark.req("CB-42")
    async def test_under_one_id_it_is_one_decision(self, desk: Desk) -> None:
        await desk.send()
        id_ = str(uuid4())
        first = await desk.cancel(operation_id=id_)
        assert (await desk.cancel(operation_id=id_)).json() == first.json()
        other = await desk.cancel(operation_id=id_, reason="for another reason")
        assert (other.status_code, other.json()["type"]) == (409, "/problems/operation-conflict")

    @pytest.mark.req("CB-41")
    async def test_it_is_about_what_was_seen(self, desk: Desk) -> None:
        await desk.send()
        assert (await desk.cancel(seen=9)).status_code == 412
        assert (await desk.cancel("2")).status_code == 404
        assert (await desk.cancel(reason="short")).status_code == 422
        assert await desk.state() == "pending"

    async def test_what_is_over_in_a_moment_is_left_to_end(self, desk: Desk) -> None:
        await desk.send("1", POST)
        await desk.begin()
        refused = await desk.cancel(seen=3)
        assert (refused.status_code, refused.json()["state"]) == (409, "running")

    async def test_what_is_parked_is_canceled_as_that(self, desk: Desk) -> None:
        await desk.send()
        await desk.move((await desk.begin()).parked_as(ParkedKind.PERMANENT, BUSY))
        answer = await desk.cancel(seen=4)
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")
