"""A flag that is out of use is archived: kept with all its versions, served to nobody, and brought back at will."""

from application.definitions import needed_by
from application.flag_usage.looking import evidence_of
from application.flags import asked, next_version, writable, write
from application.ports.records import StoredFlag
from application.ports.store import Store, Transaction
from domain.audit import Action
from domain.changes import NothingChanges
from domain.environments import Environment
from domain.errors import Conflict, Fault
from domain.flags.lifecycle import ARCHIVED, against_removal, archived, is_archived, unarchived
from domain.people import Actor, Permission

_POINTER = f"/metadata/{ARCHIVED}"


class FlagInUse(Conflict):
    """Nothing shows that this flag is out of use; `against` tells why, and `confirm` archives it all the same."""

    kind = "flag-in-use"


class FlagNeeded(Conflict):
    """Other flags have this one as a prerequisite; take it out of them first."""

    kind = "flag-needed"


class FlagArchive:
    """Each raises what a direct update raises: PermissionMissing, Missing, Stale, TargetBusy or ApprovalRequired."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def archive(
        self, actor: Actor, place: tuple[Environment, str], *, expected: int, reason: str, confirm: bool
    ) -> StoredFlag:
        """FlagNeeded while flags name it; FlagInUse unless evidence speaks for it or the person confirms it."""
        actor.require(Permission.FEATURES_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            before = await writable(tx, place, expected)
            if is_archived(before.definition):
                raise NothingChanges([Fault(_POINTER, "is so already")])
            if needing := await needed_by(tx, *place):
                raise FlagNeeded(needed_by=needing)
            if not confirm:
                await _check_unused(tx, before)
            flag = next_version(before, archived(before.definition), "api", actor, tx)
            await write(tx, flag, before=before, action=Action.FLAG_ARCHIVED, actor=actor, reason=reason)
            return flag

    async def restore(self, actor: Actor, place: tuple[Environment, str], *, expected: int, reason: str) -> StoredFlag:
        """Served again, as it was when it was archived."""
        actor.require(Permission.FEATURES_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            before = await writable(tx, place, expected)
            if not is_archived(before.definition):
                raise NothingChanges([Fault(_POINTER, "is not so")])
            flag = next_version(before, unarchived(before.definition), "api", actor, tx)
            await write(tx, flag, before=before, action=Action.FLAG_UNARCHIVED, actor=actor, reason=reason)
            return flag


async def _check_unused(tx: Transaction, flag: StoredFlag) -> None:
    scans = await tx.flag_references.scans(flag.environment)
    (evidence,) = await evidence_of(tx, flag.environment, [flag], scans)
    against = against_removal(evidence, tx.now)
    if against:
        raise FlagInUse(against=[each.text for each in against])
