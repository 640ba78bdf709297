"""Bulk operations on parked commands over HTTP: tried, asked for once, read, and acted on by who may."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.moves import moved
from domain.commands import CommandError, ParkedKind
from tests.contract.ordering import POST, TYPES

Ask = Any
WRONG = CommandError("permanent", "no-account", "there is no such account", {"line": 3}, "f-account")
WHY = "The account is there now."


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_command_types(TYPES)


class Desk:
    """Commands that ada sent, that went wrong, and that olu decides about in bulk."""

    def __init__(self, ask: Ask, store: Any, tenant: Any) -> None:
        self.ask, self._store, self._tenant = ask, store, tenant

    async def park(self, *ids: str) -> None:
        for each in ids:
            wish = {"type": POST, "id": each, "payload": {"entry": 7}}
            assert (await self.ask("ada", "POST", "/commands", json=wish)).status_code == 201
        async with self._store.transaction(self._tenant) as tx:
            records = await tx.commands.lease("ledger", len(ids), tx.now, uuid4())
            begun = await moved(tx, [each.started() for each in records])
            await moved(tx, [each.parked_as(ParkedKind.PERMANENT, WRONG) for each in begun])

    async def bulk(self, who: str = "olu", **wish: Any) -> Any:
        body = {"operation_id": str(uuid4()), "act": "retry", "filter": {"domain": "ledger"}, "reason": WHY, **wish}
        return await self.ask(who, "POST", "/parked-commands/bulk", json=body)

    async def read(self, path: str = "", who: str = "aud") -> Any:
        answer = await self.ask(who, "GET", f"/command-bulks{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, bulk: str, verb: str, seen: int = 1, **wish: Any) -> Any:
        body, head = {"operation_id": str(uuid4()), "reason": WHY, **wish}, {"If-Match": f'"v{seen}"'}
        return await self.ask("olu", "POST", f"/command-bulks/{bulk}/{verb}", json=body, headers=head)


@pytest.fixture
def desk(ask: Ask, store: Any, house: Any) -> Desk:
    return Desk(ask, store, house.id)


class TestAsking:
    @pytest.mark.req("CB-45")
    async def test_tried_it_says_what_it_would_be_about_and_writes_nothing(self, desk: Desk) -> None:
        await desk.park("1", "2")
        tried = await desk.bulk(dry_run=True)
        told = tried.json()
        assert (tried.status_code, told["total"], told["types"], told["operation"]) == (200, 2, {POST: 2}, None)
        assert [each["command"]["id"] for each in told["sample"]] == ["1", "2"]
        assert (await desk.read())["items"] == []

    @pytest.mark.req("CB-46")
    async def test_asked_for_again_it_is_the_same_operation(self, desk: Desk) -> None:
        await desk.park("1", "2")
        new = str(uuid4())
        first = await desk.bulk(operation_id=new, stages=["1", "rest"])
        await desk.park("later")
        again = await desk.bulk(operation_id=new, stages=["1", "rest"])
        assert first.status_code == again.status_code == 202
        assert first.json() == again.json()
        other = await desk.bulk(operation_id=new)
        assert (other.status_code, other.json()["type"]) == (409, "/problems/operation-conflict")
        (listed,) = (await desk.read())["items"]
        assert (listed["id"], listed["sizes"], listed["state"]) == (new, [1, 1], "running")
        assert [each["command"] for each in (await desk.read(f"/{new}/items"))["items"]] == ["ledger/1", "ledger/2"]

    async def test_nothing_that_fits_is_told(self, desk: Desk) -> None:
        answer = await desk.bulk()
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-parked")

    @pytest.mark.parametrize(
        ("wish", "path"),
        [({"filter": {}}, "/filter"), ({"stages": ["rest", "1"]}, "/stages/0"), ({"reason": "short"}, "/reason"),
         ({"act": "cancel", "stages": ["1"]}, "/stages"), ({"act": "assign"}, "/act"),
         ({"per_second": 0}, "/per_second"),
         ({"gate": {"max_failed_percent": 100}}, "/gate/max_failed_percent")],
    )  # fmt: skip
    async def test_what_is_wrong_is_pointed_at(self, desk: Desk, wish: dict[str, Any], path: str) -> None:
        answer = await desk.bulk(**wish)
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [path])

    async def test_only_who_may_operate_asks(self, desk: Desk) -> None:
        assert (await desk.bulk(who="ada")).status_code == 403
        assert (await desk.bulk(who="ada", dry_run=True)).status_code == 403


class TestActing:
    @pytest.mark.req("CB-42", "CB-46")
    async def test_each_act_is_done_once_over_the_version_that_was_seen(self, desk: Desk, world: Any) -> None:
        await desk.park("1", "2")
        bulk = (await desk.bulk()).json()["operation"]["id"]
        new = str(uuid4())
        paused = await desk.act(bulk, "pause", operation_id=new)
        assert (paused.status_code, paused.json()["state"], paused.json()["version"]) == (200, "paused", 2)
        assert (await desk.act(bulk, "pause", operation_id=new)).json() == paused.json()
        conflict = await desk.act(bulk, "abort", 2, operation_id=new)
        assert (conflict.status_code, conflict.json()["type"]) == (409, "/problems/operation-conflict")
        assert (await desk.act(bulk, "resume")).status_code == 412
        aborted = (await desk.act(bulk, "abort", 2)).json()
        assert (aborted["state"], aborted["outcomes"]["waiting"], aborted["requester"]) == ("aborted", 2, "olu")
        over = await desk.act(bulk, "resume", 3)
        assert (over.status_code, over.json()["type"]) == (409, "/problems/wrong-bulk-state")

    async def test_a_short_reason_is_refused_and_an_unknown_one_is_missing(self, desk: Desk) -> None:
        assert (await desk.act(str(uuid4()), "pause", reason="short")).status_code == 422
        assert (await desk.act(str(uuid4()), "pause")).status_code == 404


class TestReading:
    async def test_lists_go_on_where_a_page_ended(self, desk: Desk) -> None:
        await desk.park(*"abc")
        bulks = [(await desk.bulk()).json()["operation"]["id"] for _ in range(3)]
        page = await desk.read("?limit=2")
        rest = await desk.read(f"?limit=2&cursor={page['next_cursor']}")
        assert [each["id"] for each in [*page["items"], *rest["items"]]] == bulks[::-1]
        first = await desk.read(f"/{bulks[0]}/items?limit=2&outcome=waiting")
        last = await desk.read(f"/{bulks[0]}/items?limit=2&cursor={first['next_cursor']}")
        assert [each["command"] for each in [*first["items"], *last["items"]]] == [f"ledger/{each}" for each in "abc"]
        assert (await desk.read(f"/{bulks[0]}/items?outcome=failed"))["items"] == []
