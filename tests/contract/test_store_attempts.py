"""What goes wrong within an attempt is undone, and what was written around it stays."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from domain.commands import Command, CommandRecord, Options, fingerprint
from tests.contract.homes import LONG_AGO, Home


def sent(home: Home, name: str) -> CommandRecord:
    command = Command("ledger.post-journal", name, {}, options=Options(correlation=uuid4()))
    return CommandRecord(command, home.tenant.id, fingerprint(command), home.ada.id, LONG_AGO, LONG_AGO)


class TestAttempt:
    async def test_what_raises_is_undone_alone(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.commands.add([sent(home, "before")])
            with pytest.raises(ZeroDivisionError):
                await _written(tx, sent(home, "inside"), lambda: 1 / 0)
            await _written(tx, sent(home, "well"), lambda: None)
            await tx.commands.add([sent(home, "after")])
        async with home.transaction() as tx:
            found = [await tx.commands.get(("ledger", each)) for each in ("before", "inside", "well", "after")]
        assert [each is not None for each in found] == [True, False, True, True]

    async def test_what_is_not_undone_goes_with_the_whole(self, home: Home) -> None:
        with pytest.raises(ZeroDivisionError):
            await _lost(home, sent(home, "before"), sent(home, "inside"))
        async with home.transaction() as tx, tx.commands.attempt(undone=False):
            await tx.commands.add([sent(home, "well")])
        async with home.transaction() as tx:
            found = [await tx.commands.get(("ledger", each)) for each in ("before", "inside", "well")]
        assert [each is not None for each in found] == [False, False, True]


async def _lost(home: Home, before: CommandRecord, inside: CommandRecord) -> None:
    async with home.transaction() as tx:
        await tx.commands.add([before])
        async with tx.commands.attempt(undone=False):
            await tx.commands.add([inside])
            raise ZeroDivisionError


async def _written(tx: Any, record: CommandRecord, then: Callable[[], object]) -> None:
    async with tx.commands.attempt():
        await tx.commands.add([record])
        then()
