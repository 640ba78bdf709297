"""Commands that were kept for long enough are purged, a bounded part at a time; their trail stays."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from application.ports.commands import Mark
from application.ports.purging import OldCommands
from application.ports.store import Transaction
from application.recording import record
from application.rounds import again_and_again, attended
from domain.audit import Action
from domain.commands import CommandType, Key
from domain.commands.purging import PurgedCommand, Retention

MOST: Final = 200
"""In one transaction."""

A_DAY: Final = timedelta(days=1)
"""No type keeps its commands for less."""

log = structlog.get_logger()


class Purging:
    """Any number of workers may do so: each purges what no other has."""

    def __init__(
        self,
        store: OldCommands,
        retention: Retention,
        known: Sequence[CommandType] = (),
        *,
        pause: float = 3600.0,
        most: int = MOST,
    ) -> None:
        """`known` are the types of this worker: the product's own stand in no catalogue."""
        self._store = store
        self._retention = retention
        self._known = {(each.type, each.schema_version): each.policy for each in known}
        self._pause = pause
        self._most = most

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        await again_and_again("old-commands", self.look, self._pause)

    async def look(self) -> int:
        """One round; how many were purged. A tenant that fails holds no other up."""
        tenants = await self._store.tenants_of_old_commands(A_DAY)
        return sum([await attended(self.purge(each), what="old-commands", tenant=str(each)) or 0 for each in tenants])

    async def purge(self, tenant: UUID) -> int:
        """Everything of one tenant that may be; how many were."""
        gone, after, more = 0, None, True
        while more:
            async with self._store.transaction(tenant) as tx:
                purged, after, more = await self._part(tx, after)
            gone += purged
        async with self._store.transaction(tenant) as tx:
            while await tx.commands.purged.forget(self._most) == self._most:
                pass
        return gone

    async def _part(self, tx: Transaction, after: Mark | None) -> tuple[int, Mark | None, bool]:
        """How many were purged, where to go on, and whether there is more."""
        retention = self._retention.of(await tx.commands.purged.retention())
        declared = {(each.type, each.schema_version): each.policy for each in await tx.commands.types()}
        policies = self._known | declared
        old = await tx.commands.purged.old(tx.now - retention.least(policies), after, self._most)
        wished: list[Key] = [
            each.key for each in old if retention.ended(each, policies.get((each.type, each.schema_version)), tx.now)
        ]
        gone = await tx.commands.purged.purge(wished, retention.known) if wished else []
        if gone:
            await _tell(tx, gone)
        last = (old[-1].sent_at, *old[-1].key) if old else after
        return len(gone), last, len(old) == self._most


async def _tell(tx: Transaction, gone: list[PurgedCommand]) -> None:
    """One event for all, with how many ended how in which domain."""
    counts = Counter((each.key[0], each.state.value) for each in gone)
    ended = {f"{domain}/{state}": count for (domain, state), count in sorted(counts.items())}
    await record(
        tx, Action.COMMANDS_PURGED, ("commands", "purged"),
        after={"count": len(gone), "ended": ended, "known_until": max(each.known_until for each in gone).isoformat()},
    )  # fmt: skip
    log.info("commands.purged", tenant=str(tx.tenant), commands=len(gone))
