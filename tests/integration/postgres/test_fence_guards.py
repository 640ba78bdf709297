"""What the tables of fences hold by themselves, whoever writes SQL."""

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.store import PostgresStore
from tests.contract.fencing import Fenced, fenced, said
from tests.contract.homes import LONG_AGO, moved_in

CHANGES = (
    "UPDATE module_fence SET state = 'asked', settled_at = NULL",
    "UPDATE module_fence SET acknowledgement = '{}'",
    "UPDATE module_fence SET attempts = 9",
)
ASSERT = "SELECT fiscal.assert_epoch_v1($1, $2, $3, $4, $5)"


@pytest_asyncio.fixture
async def place(store: PostgresStore) -> Fenced:
    return await fenced(await moved_in(store))


async def bind(line: asyncpg.Connection, place: Fenced) -> None:
    await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(place.home.tenant.id))


class TestFences:
    @pytest.mark.parametrize("change", CHANGES)
    async def test_are_settled_once(self, place: Fenced, line: asyncpg.Connection, change: str) -> None:
        fence = await place.asked("opened")
        async with place.home.transaction() as tx:
            await tx.fences.save(fence.acknowledged(said(1), place.speaker.id, LONG_AGO))
        await bind(line, place)
        with pytest.raises(asyncpg.CheckViolationError, match="settled once"):
            await line.execute(change)

    async def test_are_of_a_gate_that_was(self, place: Fenced) -> None:
        gate = await place.move("opened")
        with pytest.raises(DBAPIError, match="period_id_scope_epoch_fkey"):
            await place.ask(gate.soft_closed(None, LONG_AGO, "never written"))

    async def test_are_never_removed_by_the_product(self, place: Fenced, line: asyncpg.Connection) -> None:
        await place.asked("opened")
        await bind(line, place)
        for statement in ("DELETE FROM module_fence", "DELETE FROM remote_module"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(statement)


class TestEpochs:
    async def test_are_asked_by_whoever_is_bound_to_nobody_or_to_the_tenant(
        self, place: Fenced, store: PostgresStore, line: asyncpg.Connection
    ) -> None:
        await place.asked("opened")
        asked = (place.home.tenant.id, "AP", place.key.entity, place.key.period, 1)
        await line.execute(ASSERT, *asked)
        await bind(line, place)
        await line.execute(ASSERT, *asked)
        await bind(line, await fenced(await moved_in(store)))
        with pytest.raises(asyncpg.PostgresError) as refused:
            await line.execute(ASSERT, *asked)
        assert refused.value.sqlstate == "FP012"

    @pytest.mark.parametrize("place_of_null", range(5))
    async def test_that_are_not_said_are_refused(
        self, place: Fenced, line: asyncpg.Connection, place_of_null: int
    ) -> None:
        await place.asked("opened")
        asked = [place.home.tenant.id, "AP", place.key.entity, place.key.period, 1]
        asked[place_of_null] = None
        with pytest.raises(asyncpg.PostgresError) as refused:
            await line.execute(ASSERT, *asked)
        assert refused.value.sqlstate == "FP014"

    @pytest.mark.req("FP54")
    async def test_hold_their_gate_until_whoever_asked_has_ended(self, place: Fenced, line: asyncpg.Connection) -> None:
        await place.asked("opened")
        asked = (place.home.tenant.id, "AP", place.key.entity, place.key.period, 1)
        async with line.transaction():
            await line.execute(ASSERT, *asked)
            async with place.home.transaction() as tx:
                await tx._session.execute(text("SET LOCAL lock_timeout = '100ms'"))
                with pytest.raises(DBAPIError, match="lock timeout"):
                    await tx.periods.hold([place.key])
        assert (await place.move("soft_closed")).epoch == 2
