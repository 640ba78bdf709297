"""How bulk operations stand: how many commands came where, how each stage ended, and each command by itself."""

from dataclasses import dataclass
from uuid import UUID

from application.bulks.stand import missing
from application.ports.closures import Place
from application.ports.store import Store, Transaction
from domain.commands.bulk import Bulk, BulkItem, ItemOutcome
from domain.people import Actor, Permission


@dataclass(frozen=True)
class BulkView:
    """`requester` is a handle."""

    bulk: Bulk
    outcomes: dict[ItemOutcome, int]
    requester: str


class Looking:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, bulk: UUID) -> BulkView:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.commands.bulks.get(bulk)
            if found is None:
                raise missing(bulk)
            return await view_of(tx, found)

    async def page(self, actor: Actor, before: Place | None, limit: int) -> list[Bulk]:
        """Newest first."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.commands.bulks.page(before, limit)

    async def items(
        self, actor: Actor, bulk: UUID, outcome: ItemOutcome | None, after: int, limit: int
    ) -> list[BulkItem]:  # fmt: skip
        """In the order in which their turn comes."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            if await tx.commands.bulks.get(bulk) is None:
                raise missing(bulk)
            return await tx.commands.bulks.items(bulk, outcome, after, limit)


async def view_of(tx: Transaction, bulk: Bulk) -> BulkView:
    people = await tx.people.by_ids([bulk.requester])
    handle = people[0].handle if people else ""
    return BulkView(bulk, await tx.commands.bulks.outcomes(bulk.id), handle)
