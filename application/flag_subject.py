"""Flags as a subject of changes: a stage serves the new default to its share, and going back is one more version."""

from application.definitions import checked_definition
from application.events.telling import tell_flag
from application.policies import decided
from application.ports.records import StoredFlag
from application.ports.store import Transaction
from application.recording import record
from domain.approvals import ApprovalPolicy
from domain.audit import Action
from domain.canonical import Json
from domain.changes import EVERYWHERE, BaseVersionConflict, ChangeSet, Kind, Reach, difference
from domain.flags import SHARED_RULES
from domain.rollouts import Rollout, exposed


class FlagSubject:
    """A flag, or the rules that flags share."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        target = change.target
        present = await tx.flags.get(target.environment, target.key, lock=hold)
        version = present.version if present else 0
        if version != target.base_version:
            raise BaseVersionConflict(present_version=version, base_version=target.base_version)

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        target = change.target
        await checked_definition(tx, target.environment, target.key, target.content)

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        base = await tx.flags.version(rollout.environment, rollout.key, rollout.base_version)
        content = change.target.content
        definition = exposed(base, content, rollout.plan.stages[stage].weight) if base else content
        version = await _write(tx, rollout, definition, f"rollout:{rollout.id}:stage:{stage}", Action.FLAG_EXPOSED)
        await checked_definition(tx, rollout.environment, rollout.key, definition)  # the write holds the flag set
        return version

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        flag = await tx.flags.get(rollout.environment, rollout.key, lock=True)
        return (flag.version if flag else 0) == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        stable = await tx.flags.version(rollout.environment, rollout.key, rollout.base_version)
        if stable is None:  # this rollout created the flag: there is nothing to go back to but its absence of effect
            written = await tx.flags.version(rollout.environment, rollout.key, rollout.live_version)
            stable = {} if rollout.key == SHARED_RULES else {**(written or {}), "state": "DISABLED"}
        return await _write(tx, rollout, stable, f"rollback_of:{rollout.id}", Action.FLAG_RESTORED)

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        return EVERYWHERE, await decided(tx, [change.target.environment], Kind.FLAG, EVERYWHERE)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        target = change.target
        base = await tx.flags.version(target.environment, target.key, target.base_version)
        present = await tx.flags.get(target.environment, target.key)
        version = present.version if present else 0
        return {
            "target": {"environment": target.environment.value, "kind": target.kind.value, "key": target.key},
            "base_version": target.base_version,
            "present_version": version,
            "moved": version != target.base_version,
            "changes": difference(base, target.content),
        }


async def _write(tx: Transaction, rollout: Rollout, definition: Json, origin: str, action: Action) -> int:
    version = rollout.live_version + 1
    flag = StoredFlag(rollout.environment, rollout.key, version, definition, origin, None, tx.now)
    await tx.flags.put(flag, expected=rollout.live_version)
    written = {"version": version, "definition": definition, "origin": origin}
    await record(tx, action, ("flag", f"{rollout.environment}/{rollout.key}"), change=rollout.change,
                 before={"version": rollout.live_version}, after=written)  # fmt: skip
    await tell_flag(tx, flag, action, rollout)
    return version
