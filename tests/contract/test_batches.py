"""What whoever sends a batch is told, and how it is counted, by either store."""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from application.commands.batches import send_batch
from application.ports.commands import CommandFilter
from domain.commands import (
    Command,
    CommandConflict,
    CommandTypeMissing,
)
from domain.commands.batches import MOST_COMMANDS, BatchConflict, BatchWish, CommandNotNew, OnParked
from domain.commands.operations import Act
from domain.errors import Invalid, Missing
from domain.people import PermissionMissing
from tests.contract.homes import Home
from tests.contract.ordering import catalogued, journal
from tests.contract.yard import CALLBACK, S, Yard, ungoverned, wish


@pytest_asyncio.fixture
async def yard(home: Home) -> Yard:
    return Yard(await catalogued(await ungoverned(home)))


@pytest.mark.req("CB-48")
class TestSending:
    async def test_is_answered_with_how_far_it_is(self, yard: Yard) -> None:
        sent = await yard.send(*"123")
        assert not sent.replayed
        assert sent.progress == await yard.progress()
        assert (sent.progress.batch.total, sent.progress.batch.over, sent.progress.batch.sender) == (
            3, False, yard.ada.id,
        )  # fmt: skip
        found = await yard.use.looking.page(yard.ada, CommandFilter(batch="b1"), None, 9)
        assert [(each.command.id, each.batch, each.state) for each in found] == [
            (each, "b1", S.PENDING) for each in "321"
        ]
        assert await yard.use.looking.page(yard.ada, CommandFilter(batch="b2"), None, 9) == []
        assert [each["action"] for each in await yard.events()] == ["command:batch:sent"]

    async def test_again_is_the_same_batch(self, yard: Yard) -> None:
        await yard.send(*"12")
        await yard.ends("completed")
        again = await yard.send(*"12")
        assert (again.replayed, again.progress.batch.completed, await yard.there()) == (True, 1, 2)

    @pytest.mark.parametrize(
        "other",
        [
            {"commands": (journal("1"),)},
            {"commands": (journal("2"), journal("1"))},
            {"callback": None},
            {"callback": replace(CALLBACK, payload={"order": 8})},
            {"on_parked": OnParked.COUNT_AS_FAILED},
        ],
        ids=["fewer", "in another order", "without callback", "another callback", "another rule"],
    )
    async def test_something_else_under_its_id_is_a_conflict(self, yard: Yard, other: dict[str, Any]) -> None:
        await yard.send(*"12")
        with pytest.raises(BatchConflict):
            await yard.use.batches.send(yard.ada, replace(wish(*"12"), **other))
        assert await yard.there() == 2

    @pytest.mark.parametrize("entry", [7, 8], ids=["the same", "something else"])
    async def test_one_that_was_sent_before_takes_all_back(self, yard: Yard, entry: int) -> None:
        await yard.use.sending.send(yard.ada, journal("2", entry))
        async with yard.home.transaction() as tx:
            with pytest.raises(CommandNotNew if entry == 7 else CommandConflict) as refused:
                await send_batch(tx, wish(*"123"), yard.ada)
        assert (refused.value.facts["at"], refused.value.facts["command"]) == ("/commands/1", "ledger/2")
        assert await yard.there() == 1
        assert await yard.events() == []
        with pytest.raises(Missing):
            await yard.progress()
        assert not (await yard.send(*"13")).replayed

    async def test_one_twice_in_it_takes_all_back(self, yard: Yard) -> None:
        with pytest.raises(CommandNotNew):
            await yard.send(*"121")
        assert await yard.there() == 0

    async def test_is_part_of_the_callers_transaction(self, yard: Yard) -> None:
        async def given_up() -> None:
            async with yard.home.transaction() as tx:
                await send_batch(tx, wish(*"12"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await given_up()
        assert (await yard.there(), await yard.events()) == (0, [])

    async def test_a_callback_that_was_sent_before_is_refused(self, yard: Yard) -> None:
        await yard.use.sending.send(yard.ada, CALLBACK)
        with pytest.raises(CommandNotNew) as refused:
            await yard.send(*"1")
        assert refused.value.facts["at"] == "/callback"

    @pytest.mark.parametrize(
        ("wrong", "path"),
        [
            ({"id": "a b"}, "/id"),
            ({"commands": ()}, "/commands"),
            ({"commands": (journal(),) * (MOST_COMMANDS + 1)}, "/commands"),
            ({"commands": (journal("1"), journal("2", 0))}, "/commands/1/payload/entry"),
            ({"callback": journal("1")}, "/callback/id"),
            ({"callback": journal("9")}, "/callback/payload"),
            ({"callback": Command("sales.ship-order", "a b", {})}, "/callback/id"),
        ],
    )
    async def test_what_is_wrong_is_said_where_it_is(self, yard: Yard, wrong: dict[str, Any], path: str) -> None:
        with pytest.raises(Invalid) as refused:
            await yard.use.batches.send(yard.ada, replace(wish(*"1"), **wrong))
        assert path in {each.path for each in refused.value.faults}
        assert await yard.there() == 0

    async def test_a_callback_of_no_type_is_refused(self, yard: Yard) -> None:
        with pytest.raises(CommandTypeMissing):
            await yard.send(*"1", callback=Command("sales.vanish", "9", {}))

    async def test_needs_permission(self, yard: Yard) -> None:
        nobody = replace(yard.ada, roles=frozenset())
        for asked in (
            yard.use.batches.send(nobody, wish("1")),
            yard.use.batches.get(nobody, "b1"),
            yard.use.batches.page(nobody, None, 9),
        ):
            with pytest.raises(PermissionMissing):
                await asked


class TestCounting:
    @pytest.mark.req("CB-48", "CB-D9")
    async def test_the_last_one_sends_the_callback_with_the_counts(self, yard: Yard) -> None:
        await yard.send(*"1234")
        await yard.ends("completed", "failed", "expired")
        assert (await yard.counts(), await yard.callback()) == ({"completed": 1, "failed": 1, "expired": 1}, None)
        await yard.ends("completed")
        batch = (await yard.progress()).batch
        assert (batch.over, batch.called_back, batch.ended_at is not None) == (True, True, True)
        callback = await yard.callback()
        assert callback is not None
        assert callback.command.payload == {
            "order": 7,
            "batch": {"id": "b1", "total": 4, "completed": 2, "failed": 1, "canceled": 0, "expired": 1},
        }
        assert (callback.state, callback.sender) == (S.PENDING, yard.ada.id)
        assert [each["action"] for each in await yard.events()] == ["command:batch:sent", "command:batch:ended"]

    @pytest.mark.req("CB-48")
    async def test_needs_no_callback(self, yard: Yard) -> None:
        await yard.send(*"1", callback=None)
        await yard.ends("completed")
        batch = (await yard.progress()).batch
        assert (batch.over, batch.called_back, await yard.there()) == (True, False, 1)

    @pytest.mark.req("CB-48")
    async def test_a_callback_whose_id_was_taken_is_not_sent_and_ends_nothing_else(self, yard: Yard) -> None:
        await yard.send(*"1")
        await yard.use.sending.send(yard.ada, CALLBACK)
        await yard.ends("completed")
        batch = (await yard.progress()).batch
        assert (batch.over, batch.called_back) == (True, False)
        assert (await yard.events())[-1]["outcome"] == "failure"

    @pytest.mark.req("CB-49", "CB-D10")
    @pytest.mark.parametrize(
        ("act", "counts"), [(Act.CANCEL, {"completed": 1, "canceled": 1}), (Act.COMPLETE, {"completed": 2})]
    )
    async def test_waits_for_whoever_decides(self, yard: Yard, act: Act, counts: dict[str, int]) -> None:
        await yard.send(*"12")
        await yard.ends("parked", "completed")
        progress = await yard.progress()
        assert (progress.batch.over, progress.parked, await yard.callback()) == (False, 1, None)
        await yard.decide("1", act)
        progress = await yard.progress()
        assert (progress.batch.over, progress.parked, await yard.counts()) == (True, 0, counts)
        assert await yard.callback() is not None

    @pytest.mark.req("CB-49")
    async def test_waits_for_what_is_retried(self, yard: Yard) -> None:
        await yard.send(*"1")
        await yard.ends("parked")
        await yard.decide("1", Act.RETRY)
        assert ((await yard.progress()).parked, await yard.counts()) == (0, {})
        await yard.ends("parked")
        await yard.decide("1", Act.RETRY)
        await yard.ends("completed")
        assert await yard.counts() == {"completed": 1}
        assert await yard.callback() is not None

    @pytest.mark.req("CB-49", "CB-D10")
    async def test_or_counts_it_as_failed_once(self, yard: Yard) -> None:
        await yard.send(*"12", on_parked=OnParked.COUNT_AS_FAILED)
        await yard.ends("parked")
        progress = await yard.progress()
        assert (progress.batch.failed, progress.parked) == (1, 1)
        await yard.decide("1", Act.RETRY)
        await yard.ends("parked")
        assert (await yard.counts(), await yard.callback()) == ({"failed": 1}, None)
        await yard.ends("completed")
        assert await yard.counts() == {"failed": 1, "completed": 1}
        callback = await yard.callback()
        assert callback is not None
        await yard.decide("1", Act.RETRY)
        await yard.ends("completed")
        assert (await yard.counts(), await yard.callback()) == ({"failed": 1, "completed": 1}, callback)


class TestLooking:
    async def test_goes_page_by_page(self, yard: Yard) -> None:
        for each in "abc":
            await yard.use.batches.send(yard.ada, BatchWish(each, (journal(each),)))
        first = await yard.use.batches.page(yard.ada, None, 2)
        last = first[-1].batch
        rest = await yard.use.batches.page(yard.ada, (last.created_at, last.id), 2)
        assert [each.batch.id for each in [*first, *rest]] == ["c", "b", "a"]

    async def test_one_that_was_never_sent_is_missing(self, yard: Yard) -> None:
        with pytest.raises(Missing):
            await yard.progress()
