"""What both stores say of decisions that wait for another person, and of edited payloads."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.recovery import OpenRepair
from domain.canonical import digest_of
from domain.commands import Key
from domain.commands.operations import Act, Decision, Standing
from domain.commands.repairs import Edit, Repair
from tests.contract.homes import LONG_AGO, Home
from tests.contract.test_store_commands import read
from tests.contract.test_store_parked_commands import DIGEST, decided, park

PATCH = [{"op": "replace", "path": "/entry", "value": 8}]


async def asked(home: Home, key: Key, **given: Any) -> Repair:
    approval = (await home.submitted(f"repair-{uuid4()}")).id
    decision = Decision(Act.EDIT, "the account was wrong", patch=PATCH)
    facts = {"seen": 4, "approval": approval, "asked_at": LONG_AGO, **given}
    return Repair(uuid4(), home.tenant.id, key, decision, home.ada.id, DIGEST, **facts)


class TestRepairs:
    @pytest.mark.req("CB-44")
    async def test_one_holds_a_command_until_it_has_ended(self, home: Home) -> None:
        record = await park(home, "1")
        first, second = await asked(home, record.key), await asked(home, record.key)
        async with home.transaction() as tx:
            repairs = tx.commands.repairs
            assert await repairs.add(first)
            assert not await repairs.add(second)
            assert not await repairs.add(replace(first, key=("ledger", "other")))
            assert await repairs.held(record.key) == await repairs.get(first.id, lock=True) == first
            ended = first.ended(Standing.VOID, tx.now, "command_moved")
            await repairs.end(ended)
            assert await repairs.held(record.key) is None
            assert await repairs.add(second)
            assert await repairs.of(record.key) == sorted([ended, second], key=lambda each: each.id)
            assert await repairs.get(uuid4()) is None

    @pytest.mark.req("CB-44")
    async def test_those_that_wait_are_found(self, home: Home) -> None:
        for name in ("1", "2"):
            record = await park(home, name)
            one = await asked(home, record.key)
            async with home.transaction() as tx:
                await tx.commands.repairs.add(one)
                if name == "2":
                    await tx.commands.repairs.end(one.ended(Standing.REJECTED, tx.now))
        async with home.transaction() as tx:
            waits = await tx.commands.repairs.held(("ledger", "1"))
        store: Any = home.store
        assert [each for each in await store.open_command_repairs() if each.tenant == home.tenant.id] == [
            OpenRepair(home.tenant.id, waits.id)
        ]


class TestEdits:
    @pytest.mark.req("CB-44")
    async def test_are_executed_and_keep_what_was_sent(self, home: Home) -> None:
        record = await park(home, "1")
        approval, after = UUID(int=7), {"entry": 8}
        operation = replace(decided(record, Act.EDIT), approval=approval)
        edit = Edit(operation.id, record.key, 2, 1, PATCH, digest_of(record.payload), digest_of(after), after, LONG_AGO)
        async with home.transaction() as tx:
            assert await tx.commands.parked.add_operation(operation)
            await tx.commands.repairs.edit(edit)
            assert await tx.commands.repairs.edits(record.key) == [edit]
            assert await tx.commands.parked.operations(record.key) == [operation]
        stands = await read(home, "1")
        assert (stands.edited, stands.payload, stands.executed.payload) == (after, after, after)
        assert (stands.command, stands.fingerprint) == (record.command, record.fingerprint)
