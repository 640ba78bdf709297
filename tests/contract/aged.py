"""A store with commands that were over long ago, and what purges them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from application.commands.cases import CommandCases
from application.commands.purging import Purging
from application.commands.sending import Sent
from application.commands.writing import sent_told
from application.ports.records import AuditFilter
from domain.audit import Action
from domain.commands import Command, CommandRecord, fingerprint
from domain.commands.purging import Retention
from tests.contract.homes import Home

DAYS = timedelta(days=1)
RETENTION = Retention(30 * DAYS, 365 * DAYS, 60 * DAYS)


class Old:
    """What may be done with one tenant, and what is in it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        store: Any = home.store
        self.use = CommandCases.over(store)
        self.purging = Purging(store, RETENTION, most=3)

    async def ended(self, command: Command, days: int, *, over: bool = True) -> CommandRecord:
        """Sent so long ago, and completed then unless it is not over."""
        async with self.home.transaction() as tx:
            at = tx.now - days * DAYS
            whole = replace(command, options=replace(command.options, correlation=uuid4()))
            record = CommandRecord(whole, tx.tenant, fingerprint(whole), self.home.ada.id, at, at)
            await tx.commands.add([record])
            await sent_told(tx, [record])
            if not over:
                return record
            lease = uuid4()
            (held,) = await tx.commands.lease(command.domain, 1, tx.now, lease)
            (done,) = await tx.commands.save([held.started().completed({"posted": True}, at)])
            await tx.commands.end(lease)
            assert isinstance(done, CommandRecord)
            return done

    async def purge(self) -> int:
        return await self.purging.purge(self.home.tenant.id)

    async def send(self, command: Command) -> Sent:
        return await self.use.sending.send(self.home.ada.actor, command)

    async def there(self, *ids: str) -> list[str]:
        async with self.home.transaction() as tx:
            return [each for each in ids if await tx.commands.get(("ledger", each)) is not None]

    async def told(self) -> list[dict[str, Any]]:
        async with self.home.transaction() as tx:
            rows = await tx.audit.page(AuditFilter(action=Action.COMMANDS_PURGED), None, 9)
            return [each.event for each in rows]
