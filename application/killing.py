"""The kill switch pins the safe variant at once; the look at why comes after."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from application.flags import asked, existing, write
from application.locking.holding import holder_of
from application.notices import tell_approvers
from application.ports.processes import Processes
from application.ports.records import Review, StoredFlag
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Fault, Invalid, Unavailable
from domain.people import Actor, Permission
from domain.rollouts import Rollout

REVIEW_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class Killed:
    flag: StoredFlag
    review: UUID
    stopped_rollout: UUID | None


class KillSwitch:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def kill(
        self, actor: Actor, environment: Environment, key: str, *, variant: str | None, reason: str
    ) -> Killed:
        """Pin `variant`, or else the default of the version that was stable; stops the rollout that holds the flag.

        Needs no approval, and Temporal only to tell the rollout sooner: its next write is fenced off anyway.
        """
        actor.require(Permission.FEATURES_KILL)
        async with self._store.transaction(actor.tenant) as tx:
            if killed := await _killed(tx, actor):
                return killed
            before = await existing(tx, environment, key, lock=True)
            holder = await holder_of(tx, environment, Kind.FLAG, key)
            stable = await _stable_version(tx, holder, before)
            safe = variant if variant is not None else await _stable_variant(tx, before, stable)
            pinned = _pinned(before.definition, safe)
            flag = replace(
                before, version=before.version + 1, definition=pinned, origin="kill",
                written_by=actor.id, written_at=tx.now, request=actor.request,
            )  # fmt: skip
            await write(tx, flag, before=before, action=Action.FLAG_KILLED, actor=actor, reason=reason)
            stopped = holder.id if holder else None
            review = Review(
                actor.request or uuid4(), environment, key, actor.id, reason, tx.now, tx.now + REVIEW_WITHIN,
                rollout=stopped,
            )  # fmt: skip
            await tx.reviews.open(review)
            await record(tx, Action.REVIEW_OPENED, ("review", review.id), actor=actor, reason=reason,
                         after={"due_at": review.due_at.isoformat(), "flag": key})  # fmt: skip
            facts = {"flag": key, "environment": environment.value, "actor": actor.handle}
            await tell_approvers(tx, "kill_switch", facts, link=f"/flags/{key}", seed=review.id)
        if stopped is not None:
            await self._tell(stopped)
        return Killed(flag, review.id, stopped)

    async def _tell(self, rollout: UUID) -> None:
        try:
            await self._processes.killed(rollout)
        except Unavailable:
            return  # the sweeper tells it; until then the fence holds


async def _killed(tx: Transaction, actor: Actor) -> Killed | None:
    """What this very request did when it was sent before and its answer was lost."""
    flag = await asked(tx, actor)
    review = await tx.reviews.get(actor.request) if flag and actor.request else None
    return Killed(flag, review.id, review.rollout) if flag and review else None


async def _stable_version(tx: Transaction, holder: Rollout | None, flag: StoredFlag) -> int:
    """Over which the rollout went, if one has the flag, alone or among other targets."""
    if holder is None:
        return flag.version
    mine = [each for each in await tx.parts.of(holder.id) if (each.kind, each.key) == (Kind.FLAG, flag.key)]
    return mine[0].base_version if mine else holder.base_version


async def _stable_variant(tx: Transaction, present: StoredFlag, stable: int) -> str:
    definition = await tx.flags.version(present.environment, present.key, stable) or present.definition
    variant = definition.get("defaultVariant")
    if variant is None:
        raise Invalid([Fault("/variant", "the flag has no default variant; name the variant to pin")])
    return str(variant)


def _pinned(definition: Json, variant: str) -> Json:
    if variant not in definition["variants"]:
        raise Invalid([Fault("/variant", "is not a variant of this flag")])
    rest = {name: value for name, value in definition.items() if name != "targeting"}
    return {**rest, "state": "ENABLED", "defaultVariant": variant}
