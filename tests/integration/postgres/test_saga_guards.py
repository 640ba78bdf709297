"""The tables themselves keep what a process was started with, what is over, and what people decided."""

from uuid import uuid4

import asyncpg
import pytest

from adapters.postgres.store import PostgresStore
from domain.sagas.operations import SagaAct, SagaOperation
from domain.sagas.states import SagaState
from tests.contract.homes import LONG_AGO, moved_in
from tests.contract.test_store_sagas import added, saved

FORBIDDEN = (
    "UPDATE saga SET data = '{}'",
    "UPDATE saga SET starter = NULL",
    "UPDATE saga_step SET name = 'other'",
    "UPDATE saga_operation SET reason = 'another reason'",
    "DELETE FROM saga_operation",
    "DELETE FROM saga_step",
    "DELETE FROM saga",
)


class TestGuards:
    async def test_nothing_is_rewritten_removed_or_taken_up_again(
        self, store: PostgresStore, line: asyncpg.Connection
    ) -> None:
        home = await moved_in(store)
        over = await saved(home, (await added(home)).planned([]))
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(home.tenant.id))
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(statement)
        with pytest.raises(asyncpg.CheckViolationError, match="that is over does not change"):
            await line.execute("UPDATE saga SET version = version + 1 WHERE process_id = $1", over.id)

    async def test_each_tenant_sees_its_own(self, store: PostgresStore, line: asyncpg.Connection) -> None:
        home = await moved_in(store)
        saga = await added(home)
        operation = SagaOperation(
            uuid4(), saga.key, SagaAct.CANCEL, home.ada.id, "because of it", "sha256:" + "0" * 64,
            SagaState.COMPENSATED, 2, LONG_AGO,
        )  # fmt: skip
        async with home.transaction() as tx:
            assert await tx.sagas.add_operation(operation)
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(uuid4()))
        for table in ("saga", "saga_step", "saga_operation"):
            assert await line.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 -- a name from above
        theirs = await moved_in(store)
        async with theirs.transaction() as tx:
            assert await tx.sagas.get(saga.key) is None
            assert await tx.sagas.operation(operation.id) is None
