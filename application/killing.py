"""The kill switch pins the safe variant at once; the look at why comes after."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from application.closing import invalidated
from application.definitions import KILL
from application.flags import asked, existing, write
from application.locking.holding import holder_of
from application.notices import tell_approvers
from application.ports.processes import Processes
from application.ports.records import Review, StoredFlag
from application.ports.store import Store, Transaction
from application.progression import Step, move
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Fault, Invalid, Unavailable
from domain.flags.authoring import plain
from domain.locks import Place
from domain.people import Actor, Permission
from domain.rollouts import TO_START, Rollout, State

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

        Changes of the flag that still wait are over as well: they were agreed to, or asked for, before it burned.
        Needs no approval, and Temporal only to tell the rollout sooner: its next write is fenced off anyway.
        """
        actor.require(Permission.FEATURES_KILL)
        async with self._store.transaction(actor.tenant) as tx:
            if killed := await _killed(tx, actor):
                return killed
            waiting = await _invalidated(tx, actor, Place(environment, Kind.FLAG, key), reason)
            before = await existing(tx, environment, key, lock=True)
            holder = await holder_of(tx, environment, Kind.FLAG, key)
            stable = await _stable_version(tx, holder, before)
            safe = variant if variant is not None else await _stable_variant(tx, before, stable)
            pinned = _pinned(before.definition, safe)
            flag = replace(
                before, version=before.version + 1, definition=pinned, origin=KILL,
                written_by=actor.id, written_at=tx.now, request=actor.request,
            )  # fmt: skip
            await write(tx, flag, before=before, action=Action.FLAG_KILLED, actor=actor, reason=reason)
            stopped = holder.id if holder else next((each.id for each in waiting), None)
            review = Review(
                actor.request or uuid4(), environment, key, actor.id, reason, tx.now, tx.now + REVIEW_WITHIN,
                rollout=stopped,
            )  # fmt: skip
            await tx.reviews.open(review)
            await record(tx, Action.REVIEW_OPENED, ("review", review.id), actor=actor, reason=reason,
                         after={"due_at": review.due_at.isoformat(), "flag": key})  # fmt: skip
            facts = {"flag": key, "environment": environment.value, "actor": actor.handle}
            await tell_approvers(tx, "kill_switch", facts, link=f"/flags/{key}", seed=review.id)
        if holder is not None:
            await self._tell(self._processes.killed(holder.id))
        for each in waiting:
            tell = self._processes.closed if each.state is State.AWAITING_APPROVAL else self._processes.turn
            await self._tell(tell(each.id))
        return Killed(flag, review.id, stopped)

    async def _tell(self, word: Awaitable[None]) -> None:
        try:
            await word
        except Unavailable:
            return  # the sweeper tells it, or it asks by itself; until then the fence holds


async def _invalidated(tx: Transaction, actor: Actor, place: Place, reason: str) -> list[Rollout]:
    """What waited for this flag of this tenant, as it stood; locked before the flag, as whoever starts does."""
    claims = await tx.target_locks.at([place])
    ended = []
    for each in sorted({claim.rollout for claim in claims if claim.tenant == tx.tenant and not claim.held}):
        rollout = await tx.rollouts.get(each, lock=True)
        if rollout is None or rollout.state not in TO_START:
            continue
        change = await tx.changes.get(rollout.change)
        if change is not None and change.content.tenants is not None:
            continue  # it is about the flags of others
        step = Step(rollout.id, rollout.tenant, f"killed:{actor.request or uuid4()}", tx.now)
        gone = await move(tx, rollout, step, State.INVALIDATED, "killed", actor=actor, reason=reason)
        await invalidated(tx, gone, "killed")
        ended.append(rollout)
    return ended


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
    variant = plain(definition).get("defaultVariant")
    if variant is None:
        raise Invalid([Fault("/variant", "the flag has no default variant; name the variant to pin")])
    return str(variant)


def _pinned(definition: Json, variant: str) -> Json:
    if variant not in definition["variants"]:
        raise Invalid([Fault("/variant", "is not a variant of this flag")])
    rest = {name: value for name, value in plain(definition).items() if name != "targeting"}
    return {**rest, "state": "ENABLED", "defaultVariant": variant}
