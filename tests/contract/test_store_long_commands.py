"""What both stores keep of commands that take long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from domain.commands import CommandState
from domain.commands.operations import Act, Operation
from domain.commands.progress import CommandProgress
from tests.contract.homes import LONG_AGO, Home
from tests.contract.test_store_commands import made, put

KEY = ("ledger", "1")


def asked(home: Home, epoch: int = 1, act: Act = Act.CANCEL) -> Operation:
    digest = "sha256:" + "0" * 64
    return Operation(
        uuid4(), KEY, act, home.ada.id, "it takes too long", digest, CommandState.RUNNING, epoch, 3, LONG_AGO
    )


class TestProgress:
    async def test_the_newest_word_stands(self, home: Home) -> None:
        await put(home, made(home, "1"))
        first = CommandProgress(KEY, 1, 1, {"of": 9, "done": 4, "at": ["é", None]}, LONG_AGO)
        async with home.transaction() as tx:
            assert await tx.commands.long.progress(KEY) is None
            await tx.commands.long.tell(first)
        async with home.transaction() as tx:
            assert await tx.commands.long.progress(KEY) == first
            await tx.commands.long.tell(later := CommandProgress(KEY, 2, 1, 5, LONG_AGO + timedelta(minutes=1)))
            assert await tx.commands.long.progress(KEY) == later
            assert await tx.commands.long.progress(("ledger", "2")) is None


class TestCancel:
    async def test_is_asked_for_in_an_epoch(self, home: Home) -> None:
        await put(home, made(home, "1"))
        first = asked(home)
        later = replace(asked(home), at=LONG_AGO + timedelta(minutes=1))
        async with home.transaction() as tx:
            for each in (later, first, asked(home, epoch=2, act=Act.SNOOZE)):
                assert await tx.commands.parked.add_operation(each)
        async with home.transaction() as tx:
            assert await tx.commands.long.cancel_asked(KEY, 1) == first
            assert await tx.commands.long.cancel_asked(KEY, 2) is None
            assert await tx.commands.long.cancel_asked(("ledger", "2"), 1) is None


class TestCounts:
    async def test_are_of_what_is_not_over_in_each_domain(self, home: Home) -> None:
        store: Any = home.store
        domain = f"d{uuid4().hex[:12]}"
        await put(home, *(made(home, each, f"{domain}.do") for each in "1234"))
        async with home.transaction() as tx:
            one, two = await tx.commands.lease(domain, 2, tx.now + timedelta(minutes=1), uuid4())
            await tx.commands.save([one.started(), two.lapsed(tx.now)])
        (count,) = await store.command_counts([domain, "nothing"])
        assert (count.domain, count.states, count.leases) == (domain, {"pending": 2, "running": 1}, 1)
        assert count.lag > 0
