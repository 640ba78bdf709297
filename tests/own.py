"""The product's own commands, executed where no worker does."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from application.commands.executing import Executing
from application.commands.handling import Handlers
from application.commands.limiting import Limiting, Wanted
from application.commands.moves import told
from application.ports.commands import Types
from domain.commands.answers import OWN


class Hand:
    """Leases and executes what is due of these types by these handlers, as a worker does; others are left alone."""

    def __init__(self, store: Any, handlers: Handlers, *types: str) -> None:
        self._store = store
        self._limiting = Limiting(handlers)
        self._executing = Executing(store, handlers)
        self._types = Types(frozenset(types), only=True)

    async def lease(self, tenant: UUID) -> UUID | None:
        lease = uuid4()
        async with self._store.transaction(tenant) as tx:
            wanted = Wanted(OWN, 100, tx.now + timedelta(minutes=1), lease, self._types)
            leased = await self._limiting.lease(tx, wanted)
            await told(tx, leased)
        return lease if leased else None

    async def work(self, tenant: UUID) -> Counter[str]:
        """Until nothing is due; how many came to stand where."""
        ended: Counter[str] = Counter()
        while (lease := await self.lease(tenant)) is not None:
            ended.update(await self.execute(tenant, lease))
        return ended

    async def execute(self, tenant: UUID, lease: UUID) -> dict[str, int]:
        return await self._executing.execute(tenant, lease)
