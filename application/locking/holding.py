"""A rollout claims its targets when it is submitted, holds them all or none, and lets go of them where it ends."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from application.ports.store import Transaction
from domain.changes import ChangeSet, Kind, Target, TargetBusy
from domain.environments import Environment
from domain.locks import DEPTH, Claim, Place, QueueFull, places_of, rivals_of
from domain.rollouts import OnConflict, Rollout


async def in_turn(tx: Transaction, change: ChangeSet) -> None:
    """Before anything else is locked: who submits and who starts on the same targets go one after the other."""
    await tx.target_locks.in_turn(places_of(change.content.targets))


async def check_not_rejected(tx: Transaction, rollout: Rollout, change: ChangeSet) -> None:
    """TargetBusy where a target is held and its plan says that it does not wait; a later moment is looked at then."""
    plan = rollout.plan
    if rollout.priority or plan.on_conflict is not OnConflict.REJECT or plan.apply_at is not None:
        return
    held = [each for each in await tx.target_locks.at(places_of(change.content.targets)) if each.held]
    if held:
        raise busy(tx, held)


async def claimed(tx: Transaction, rollout: Rollout, change: ChangeSet) -> None:
    """It wants its targets from now on; QueueFull where as many do as may. What is urgent is never one too many."""
    places = places_of(change.content.targets)
    if not rollout.priority:
        check_depth(places, rivals_of(rollout.id, places, await tx.target_locks.at(places)))
    await tx.target_locks.claim(rollout.id, places, rollout.priority)


async def over_stable(tx: Transaction, targets: Sequence[Target]) -> bool:
    """Whether a flag that is being rolled out was changed over what it goes back to, not over what is served now."""
    target = targets[0]
    if len(targets) > 1 or target.kind is not Kind.FLAG:
        return False
    holder = await holder_of(tx, target.environment, target.kind, target.key)
    return holder is not None and holder.base_version == target.base_version


def check_depth(places: Iterable[Place], rivals: Iterable[Claim]) -> None:
    waiting = [each for each in rivals if not each.held]
    for place in places:
        before = {each.rollout for each in waiting if each.place.meets(place)}
        if len(before) >= DEPTH:
            raise QueueFull(waiting=len(before), most=DEPTH, key=place.key)


async def released(tx: Transaction, rollout: Rollout) -> None:
    """Part of the transaction that ends it."""
    await tx.target_locks.drop(rollout.id)


async def holder_of(tx: Transaction, environment: Environment, kind: Kind, key: str) -> Rollout | None:
    """The rollout of this tenant that holds this target."""
    claims = await tx.target_locks.at([Place(environment, kind, key)])
    held = next((each for each in claims if each.held and each.tenant == tx.tenant), None)
    return await tx.rollouts.get(held.rollout) if held else None


async def check_free(tx: Transaction, environment: Environment, kind: Kind, key: str) -> None:
    """TargetBusy while a rollout of this tenant holds this target."""
    holder = await holder_of(tx, environment, kind, key)
    if holder is not None:
        raise TargetBusy(holder=str(holder.id))


def busy(tx: Transaction, held: Iterable[Claim]) -> TargetBusy:
    """Says who holds it, if that is one of ours: of other tenants only that somebody does."""
    own = [each.rollout for each in held if each.tenant == tx.tenant]
    return TargetBusy(holder=str(own[0]) if own else None)


async def ahead_of(tx: Transaction, rollout: Rollout, mine: Claim) -> tuple[list[Claim], list[UUID]]:
    """Who holds what this rollout wants, and who of those that wait comes before it."""
    rivals = await tx.target_locks.rivals(rollout.id)
    earlier = {each.rollout for each in rivals if not each.held and each.queued_at and each.turn < mine.turn}
    return [each for each in rivals if each.held], sorted(earlier)
