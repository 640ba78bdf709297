"""What both stores say of bulk operations on parked commands."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.bulks import HELD
from application.ports.parked import ParkedFilter
from application.ports.records import WaitingKind
from domain.commands import CommandRecord, ParkedKind
from domain.commands.bulk import Bulk, BulkAct, BulkActEntry, BulkItem, BulkState, ItemOutcome, StageEnd
from domain.commands.bulk_gate import StageCount, StageVerdict
from domain.commands.operations import Act
from tests.contract.homes import LONG_AGO, Home
from tests.contract.test_store_command_repairs import asked as repair_asked
from tests.contract.test_store_commands import made, move, put, read, taken
from tests.contract.test_store_parked_commands import ACCOUNT, DIGEST, TIMEOUT, note, park
from tests.workflow.theatre import seen

O = ItemOutcome  # noqa: E741 -- outcomes
LEDGER = ParkedFilter(domain="ledger")


def asked(home: Home, **facts: Any) -> Bulk:
    said = {"id": uuid4(), "asked_at": LONG_AGO, **facts}
    return Bulk(
        said.pop("id"), home.tenant.id, Act.RETRY, UUID(int=3), "the account is there", DIGEST, {"domain": "ledger"},
        said.pop("asked_at"), **said,
    )  # fmt: skip


async def frozen(home: Home, wanted: ParkedFilter = LEDGER, **facts: Any) -> Bulk:
    async with home.transaction() as tx:
        bulk: Bulk = await tx.commands.bulks.add(asked(home, **facts), wanted)
        return bulk


async def retry(home: Home, bulk: Bulk, most: int, stage: int = 0) -> list[str]:
    async with home.transaction() as tx:
        found = await tx.commands.bulks.take(bulk.id, most)
        after = await tx.commands.save([record.retried(LONG_AGO) for _, record in found])
        touched = [
            replace(item, outcome=O.RETRIED, stage=stage, epoch=record.epoch)
            for (item, _), record in zip(found, after, strict=True)
        ]
        await tx.commands.bulks.touch(bulk.id, touched)
        return [item.key[1] for item, _ in found]


async def execute(home: Home, *ways: Any) -> None:
    """The next that are due, each in its way."""
    _, leased = await taken(home, len(ways), "ledger")
    for record, way in zip(leased, ways, strict=True):
        await move(home, record, CommandRecord.started, way)


async def items(home: Home, bulk: Bulk, outcome: ItemOutcome | None = None) -> list[BulkItem]:
    async with home.transaction() as tx:
        listed: list[BulkItem] = await tx.commands.bulks.items(bulk.id, outcome, 0, 100)
        return listed


def well(record: CommandRecord) -> CommandRecord:
    return record.completed(None, LONG_AGO)


class TestFrozen:
    @pytest.mark.req("CB-46")
    async def test_it_is_about_what_was_parked_and_the_longest_parked_comes_first(self, home: Home) -> None:
        await park(home, "1")
        second = await park(home, "2", ACCOUNT)
        await park(home, "3", type="sales.ship-order")
        await put(home, made(home, "waits"))
        bulk = await frozen(home)
        await park(home, "4")
        assert bulk.total == 2
        listed = await items(home, bulk)
        assert [(each.place, each.key[1], each.cause) for each in listed] == [
            (1, "1", "f-timeout"),
            (2, "2", "f-account"),
        ]
        assert (listed[1].version, listed[1].outcome) == (second.version, O.WAITING)
        async with home.transaction() as tx:
            assert await tx.commands.bulks.get(bulk.id, lock=True) == bulk
            assert await tx.commands.bulks.get(uuid4()) is None

    async def test_beforehand_it_is_shown_and_nothing_is_written(self, home: Home) -> None:
        for each in "123":
            await park(home, each)
        await park(home, "4", ACCOUNT, type="ledger.close-book")
        async with home.transaction() as tx:
            seen = await tx.commands.bulks.preview(LEDGER, 2)
            assert await tx.commands.bulks.page(None, 10) == []
        assert (seen.total, seen.types) == (4, {"ledger.close-book": 1, "ledger.post-journal": 3})
        assert [each.record.command.id for each in seen.sample] == ["1", "2"]

    async def test_lists_go_on_where_a_page_ended(self, home: Home) -> None:
        await park(home, "1")
        made_ = [await frozen(home, asked_at=LONG_AGO + timedelta(days=day)) for day in range(3)]
        async with home.transaction() as tx:
            first = await tx.commands.bulks.page(None, 2)
            rest = await tx.commands.bulks.page((first[-1].asked_at, first[-1].id), 2)
        assert [each.id for each in [*first, *rest]] == [each.id for each in reversed(made_)]


class TestItems:
    @pytest.mark.req("CB-46")
    async def test_each_is_taken_once_in_its_turn(self, home: Home) -> None:
        for each in "123":
            await park(home, each)
        bulk = await frozen(home)
        assert [await retry(home, bulk, 2), await retry(home, bulk, 2), await retry(home, bulk, 2)] == [
            ["1", "2"], ["3"], [],
        ]  # fmt: skip

    @pytest.mark.req("CB-46")
    async def test_they_settle_where_their_commands_came(self, home: Home) -> None:
        for each in "1234":
            await park(home, each)
        bulk = await frozen(home)
        await retry(home, bulk, 3)
        await execute(
            home, well, lambda it: it.parked_as(ParkedKind.EXHAUSTED, TIMEOUT), lambda it: it.waiting(LONG_AGO, ACCOUNT)
        )
        async with home.transaction() as tx:
            assert await tx.commands.bulks.settle(bulk.id) == 2
            assert await tx.commands.bulks.settle(bulk.id) == 0
            assert await tx.commands.bulks.count(bulk.id, 0) == StageCount(3, 2, 1, 0, 1)
            assert await tx.commands.bulks.count(bulk.id, 1) == StageCount(0)
            assert await tx.commands.bulks.outcomes(bulk.id) == {O.DONE: 1, O.FAILED: 1, O.RETRIED: 1, O.WAITING: 1}
        told = [(each.key[1], each.outcome, each.why, each.same, each.state) for each in await items(home, bulk)]
        assert [(*each[:4], each[4].value if each[4] else None) for each in told] == [
            ("1", O.DONE, "", False, "completed"),
            ("2", O.FAILED, "timeout", True, "parked"),
            ("3", O.RETRIED, "", False, "retry-wait"),
            ("4", O.WAITING, "", False, "parked"),
        ]
        assert [each.key[1] for each in await items(home, bulk, O.FAILED)] == ["2"]

    async def test_what_has_not_begun_is_still_going(self, home: Home) -> None:
        await park(home, "1")
        bulk = await frozen(home)
        await retry(home, bulk, 1)
        async with home.transaction() as tx:
            assert await tx.commands.bulks.settle(bulk.id) == 0
            assert await tx.commands.bulks.count(bulk.id) == StageCount(1, going=1)

    async def test_one_that_somebody_decided_about_again_had_failed(self, home: Home) -> None:
        await park(home, "1")
        bulk = await frozen(home)
        await retry(home, bulk, 1)
        await execute(home, lambda it: it.parked_as(ParkedKind.EXHAUSTED, TIMEOUT))
        await move(home, await read(home, "1"), lambda it: it.retried(LONG_AGO))
        async with home.transaction() as tx:
            assert await tx.commands.bulks.settle(bulk.id) == 1
        assert [(each.outcome, each.why) for each in await items(home, bulk)] == [(O.FAILED, "decided-again")]

    async def test_their_commands_are_seen_as_they_are_now(self, home: Home) -> None:
        await park(home, "1")
        bulk = await frozen(home)
        await note(home, "1", assignee=UUID(int=1))
        async with home.transaction() as tx:
            ((item, record),) = await tx.commands.bulks.take(bulk.id, 5)
            assert record.version == item.version + 1
            await tx.commands.bulks.touch(bulk.id, [replace(item, outcome=O.SKIPPED, stage=0, why="changed")])
        assert [(each.outcome, each.why) for each in await items(home, bulk)] == [(O.SKIPPED, "changed")]

    async def test_one_about_which_another_decision_waits_is_held(self, home: Home) -> None:
        await park(home, "1")
        await park(home, "2")
        bulk = await frozen(home)
        waits = await repair_asked(home, ("ledger", "1"))
        async with home.transaction() as tx:
            assert await tx.commands.repairs.add(waits)
        async with home.transaction() as tx:
            assert [item.why for item, _ in await tx.commands.bulks.take(bulk.id, 5)] == [HELD, ""]


class TestWaiting:
    async def test_it_is_found_until_it_was_started_and_not_once_it_is_over(self, home: Home) -> None:
        await park(home, "1")
        bulk, over = await frozen(home), await frozen(home)
        async with home.transaction() as tx:
            await tx.commands.bulks.save(over.moved(BulkState.ABORTED))

        async def found() -> bool:
            """For two seconds whoever asked for it starts it."""
            return bulk.id in await waiting(home)

        await seen(found)
        assert over.id not in await waiting(home)
        async with home.transaction() as tx:
            await tx.commands.bulks.mark_started(bulk.id)
        assert bulk.id not in await waiting(home)


async def waiting(home: Home) -> list[UUID]:
    return [each.id for each in await home.store.waiting() if each.kind is WaitingKind.BULK]


class TestKept:
    async def test_what_becomes_of_it(self, home: Home) -> None:
        await park(home, "1")
        bulk = await frozen(home)
        ended = (StageEnd(1, 1, 0, StageVerdict(True, False, "none failed"), LONG_AGO),)
        after = replace(
            bulk, state=BulkState.STOPPED, why="unsettled", stage=1, acted=3, settles_until=LONG_AGO, ended=ended,
            approval=uuid4(), version=4,
        )  # fmt: skip
        async with home.transaction() as tx:
            await tx.commands.bulks.save(after)
        async with home.transaction() as tx:
            assert await tx.commands.bulks.get(bulk.id) == after

    async def test_what_a_person_did_is_written_once(self, home: Home) -> None:
        await park(home, "1")
        bulk = await frozen(home)
        entry = BulkActEntry(
            uuid4(), bulk.id, BulkAct.PAUSE, uuid4(), "let me look first", DIGEST, BulkState.PAUSED, 2, LONG_AGO
        )
        async with home.transaction() as tx:
            assert await tx.commands.bulks.act(entry.id) is None
            assert await tx.commands.bulks.add_act(entry)
            assert not await tx.commands.bulks.add_act(replace(entry, act=BulkAct.ABORT))
            assert await tx.commands.bulks.act(entry.id) == entry
