"""A command whose change was revoked before it was begun is over without having been executed, by either store."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from domain.approvals import Standing
from domain.changes import ChangeStatus
from domain.commands import CommandState
from domain.rollouts import State
from tests.contract.books import kept
from tests.contract.homes import Home
from tests.contract.payables import Office, opened

S = CommandState
REMIND = "payables.remind"


@pytest_asyncio.fixture
async def office(home: Home) -> Office:
    return await opened(await kept(home))


async def submitted(home: Home) -> UUID:
    return (await home.submitted()).id


async def moved(home: Home, change: UUID, state: State) -> None:
    async with home.transaction() as tx:
        rollout: Any = await tx.rollouts.get(change)
        await tx.rollouts.save(replace(rollout, state=state))


async def closed(home: Home, change: UUID, standing: Standing) -> None:
    async with home.transaction() as tx:
        await tx.approvals.close(change, standing)


@pytest.mark.req("CB-51")
class TestRevoked:
    @pytest.mark.parametrize("standing", [Standing.REJECTED, Standing.EXPIRED, Standing.WITHDRAWN])
    async def test_with_its_approval_it_is_canceled(self, home: Home, office: Office, standing: Standing) -> None:
        change = await submitted(home)
        await office.send("1", REMIND, change=change)
        await office.send("2", REMIND)
        await closed(home, change, standing)
        assert await office.execute() == {"canceled": 1, "completed": 1}
        record = await office.stand("1")
        assert (record.state, record.attempt, record.over) == (S.CANCELED, 0, True)
        assert record.error is not None
        assert record.error.code == "revoked"
        assert office.payables.paid == ["payables/2:1"]

    async def test_with_a_draft_that_its_author_takes_back(self, home: Home, office: Office) -> None:
        change = home.change()
        async with home.transaction() as tx:
            await tx.changes.add(change)
        await office.send("1", REMIND, change=change.id)
        async with home.transaction() as tx:
            await tx.changes.save_status(replace(change, status=ChangeStatus.WITHDRAWN, revision=change.revision + 1))
        assert await office.execute() == {"canceled": 1}

    @pytest.mark.parametrize("state", [State.ROLLING_BACK, State.ROLLED_BACK, State.CANCELLED])
    async def test_with_what_is_taken_back(self, home: Home, office: Office, state: State) -> None:
        change = await submitted(home)
        await office.send("1", REMIND, change=change)
        await moved(home, change, state)
        assert await office.execute() == {"canceled": 1}

    async def test_is_told_in_the_trail_of_the_change(self, home: Home, office: Office) -> None:
        change = await submitted(home)
        await office.send("1", REMIND, change=change)
        await closed(home, change, Standing.REJECTED)
        await office.execute()
        async with home.transaction() as tx:
            rows = await tx.audit.course(("command", "payables/1"), None, 10)
        told = [(row.event["action"], row.event["change"]) for row in rows]
        assert told == [("command:record:sent", str(change)), ("command:record:canceled", str(change))]
        assert rows[-1].event["after"]["code"] == "revoked"


@pytest.mark.req("CB-51")
class TestNotRevoked:
    @pytest.mark.parametrize("state", [State.AWAITING_APPROVAL, State.RUNNING, State.SUCCEEDED])
    async def test_it_is_executed(self, home: Home, office: Office, state: State) -> None:
        change = await submitted(home)
        await office.send("1", REMIND, change=change)
        await moved(home, change, state)
        assert await office.execute() == {"completed": 1}
