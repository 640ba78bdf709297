"""What a change wrote at a place is found again in its history: whether anything came after, and what was before."""

from application.ports.store import Transaction
from application.settings.house import continued
from domain.changes import ChangeSet, Target
from domain.environments import Environment
from domain.settings import Entry

NEWEST = 2**62


async def is_newest(tx: Transaction, change: ChangeSet, target: Target) -> bool:
    """Whether nobody has written there since; what goes on after an entry was nobody's wish.

    A change that only cancelled a plan wrote nothing itself.
    """
    key, scope, before = target.content["key"], target.content["scope"], NEWEST
    while newest := await tx.settings.history(target.environment, key, scope, before, 10):
        for each in newest:
            if continued(each) is None:
                only_cancelled = "cancels" in target.content and each.entry.version <= target.base_version
                return only_cancelled or each.entry.change == change.id
        before = newest[-1].entry.version
    return False


async def held_before(tx: Transaction, environment: Environment, key: str, scope: str, written: Entry) -> Entry | None:
    """The entry that held when the written one began."""
    older = await tx.settings.history(environment, key, scope, written.version, written.version)
    return next((each.entry for each in older if each.entry.until == written.since != each.entry.since), None)
