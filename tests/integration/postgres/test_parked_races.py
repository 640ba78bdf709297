"""People who decide about one parked command at once: one is heard, and there is one effect."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.commands.cases import CommandCases
from application.ports.records import AuditFilter
from domain.audit import Action
from domain.commands import CommandRecord, CommandState, WrongCommandState
from domain.commands.operations import Act, Decision, Operation, OperationConflict
from domain.errors import Stale
from domain.people import Actor, Role
from tests.contract.homes import Home, moved_in
from tests.contract.test_store_commands import read
from tests.contract.test_store_parked_commands import park

WHY = "the bank answers again"


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await moved_in(store)


def operator(home: Home) -> Actor:
    return replace(home.bob.actor, roles=frozenset({Role.OPERATOR}))


async def decide(home: Home, seen: CommandRecord, act: Act, operation: UUID | None = None, **facts: Any) -> Operation:
    acts = CommandCases.over(home.store).acts
    return await acts.decide(operator(home), seen.key, seen.version, operation or uuid4(), Decision(act, WHY, **facts))


async def events(home: Home, *actions: Action) -> int:
    async with home.transaction() as tx:
        return sum([len(await tx.audit.page(AuditFilter(action=each), None, 100)) for each in actions])


class TestOperators:
    @pytest.mark.req("CB-41", "CB-D7")
    async def test_who_retry_and_cancel_at_once_have_one_effect(self, home: Home) -> None:
        for round_ in range(5):
            seen = await park(home, str(round_))
            acts = [Act.RETRY, Act.CANCEL] * 5
            made = await asyncio.gather(*(decide(home, seen, act) for act in acts), return_exceptions=True)
            (first,) = [each for each in made if isinstance(each, Operation)]
            assert sum(isinstance(each, WrongCommandState) for each in made) == 9
            after = await read(home, str(round_))
            assert (after.state, after.epoch, after.version) == (first.state, first.epoch, seen.version + 1)
            assert after.epoch == (2 if after.state is CommandState.PENDING else 1)
            assert await events(home, Action.PARKED_RETRIED, Action.PARKED_CANCELED) == round_ + 1
            if after.state is CommandState.PENDING:  # it would be leased with the next
                await put_away(home)

    @pytest.mark.req("CB-41")
    async def test_who_assign_at_once_do_not_overwrite_each_other(self, home: Home) -> None:
        seen = await park(home, "1")
        made = await asyncio.gather(*(decide(home, seen, Act.ASSIGN) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(each, Operation) for each in made) == 1
        assert sum(isinstance(each, Stale) for each in made) == 4
        assert await events(home, Action.PARKED_ASSIGNED) == 1

    @pytest.mark.req("CB-42")
    async def test_who_ask_twice_at_once_decide_once(self, home: Home) -> None:
        seen, mine = await park(home, "1"), uuid4()
        made = await asyncio.gather(*(decide(home, seen, Act.RETRY, mine) for _ in range(10)))
        assert len(set(made)) == 1
        assert (await read(home, "1")).epoch == 2
        assert await events(home, Action.PARKED_RETRIED) == 1

    @pytest.mark.req("CB-42")
    async def test_with_one_id_for_two_commands_decide_about_one(self, home: Home) -> None:
        one, other, mine = await park(home, "1"), await park(home, "2"), uuid4()
        asked = (decide(home, each, Act.CANCEL, mine) for each in (one, other))
        made = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, OperationConflict) for each in made) == 1
        states = sorted([(await read(home, each)).state for each in "12"])
        assert states == [CommandState.CANCELED, CommandState.PARKED]
        assert await events(home, Action.PARKED_CANCELED) == 1


async def put_away(home: Home) -> None:
    async with home.transaction() as tx:
        lease = uuid4()
        records = await tx.commands.lease("ledger", 10, tx.now, lease)
        await tx.commands.save([each.lapsed(tx.now) for each in records])
        await tx.commands.end(lease)
