"""A lease that nobody carries out goes back: what was not begun counts as never tried, what was begun as a crash."""

from uuid import UUID

from application.commands.moves import moved
from application.commands.reading import CRASHED
from application.ports.store import Store
from domain.commands import CommandRecord, CommandState


async def given_back(store: Store, tenant: UUID, lease: UUID) -> None:
    """By whoever took it and could not have it carried out; when somebody has begun after all, it is theirs."""
    async with store.transaction(tenant) as tx:
        if await tx.commands.hold(lease) is None:
            return
        records = await tx.commands.leased(lease)
        if all(each.state is CommandState.DISPATCHED for each in records):
            await moved(tx, [each.returned() for each in records])
            await tx.commands.end(lease)


async def taken_back(store: Store, tenant: UUID, lease: UUID) -> int:
    """From a worker that is no more; how many commands it held."""
    async with store.transaction(tenant) as tx:
        if await tx.commands.hold(lease) is None:
            return 0
        records = await tx.commands.leased(lease)
        await moved(tx, [freed(each) for each in records])
        await tx.commands.end(lease)
        return len(records)


def freed(record: CommandRecord) -> CommandRecord:
    """From whoever had it, and is no more."""
    return record.crashed(CRASHED) if record.state is CommandState.RUNNING else record.returned()
