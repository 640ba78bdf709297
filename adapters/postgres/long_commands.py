"""CommandProgress of commands in PostgreSQL, one row for each that has told any."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.parked_commands import operation_of
from adapters.postgres.tables_commands import command_operation
from adapters.postgres.tables_long_commands import command_progress
from domain.commands import Key
from domain.commands.operations import Act, Operation
from domain.commands.progress import CommandProgress

_O, _P = command_operation.c, command_progress.c


class PostgresLongCommands:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def progress(self, key: Key) -> CommandProgress | None:
        query = select(command_progress).where(_P.domain == key[0], _P.command_id == key[1])
        row = (await self._session.execute(query)).one_or_none()
        return CommandProgress(key, row.epoch, row.attempt, row.said, row.told_at) if row else None

    async def tell(self, progress: CommandProgress) -> None:
        said = {"epoch": progress.epoch, "attempt": progress.attempt, "said": progress.said, "told_at": progress.at}
        new = insert(command_progress).values(
            tenant_id=self._tenant, domain=progress.key[0], command_id=progress.key[1], **said
        )
        place = [_P.tenant_id, _P.domain, _P.command_id]
        await self._session.execute(new.on_conflict_do_update(index_elements=place, set_=said))

    async def cancel_asked(self, key: Key, epoch: int) -> Operation | None:
        query = select(command_operation).where(
            _O.domain == key[0], _O.command_id == key[1], _O.epoch == epoch, _O.act == Act.CANCEL.value
        )
        row = (await self._session.execute(query.order_by(_O.at).limit(1))).one_or_none()
        return operation_of(row) if row else None
