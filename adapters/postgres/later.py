"""What is told of tenants below is written when the transaction ends, each row as by whoever is bound to its tenant."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncSession

_HOME = text("SELECT set_config('app.tenant_id', :home, true)")


class Later:
    """Each statement goes out once for all its rows; it binds to a row's tenant itself, before the row is there."""

    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home
        self._rows: dict[Executable, list[dict[str, Any]]] = {}

    def add(self, said: Executable, rows: Sequence[dict[str, Any]]) -> None:
        self._rows.setdefault(said, []).extend(rows)

    async def write(self) -> None:
        if not self._rows:
            return
        connection = await self._session.connection()
        for said, rows in self._rows.items():
            await connection.execute(said, rows)
        await connection.execute(_HOME, {"home": str(self._home)})
