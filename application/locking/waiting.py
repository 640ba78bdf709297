"""What keeps an approved rollout from starting: the window that is shut, a freeze, or who holds or comes before it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from application.locking.closes import held_by_close
from application.locking.confounding import confounded_with
from application.locking.holding import ahead_of
from application.locking.rules import rollout_policy, window_called
from application.ports.store import Transaction
from domain.approvals import Approval
from domain.changes import ChangeSet, Kind
from domain.locks import Claim, Cover, Frozen, Place, WhileRunning, places_of, standing_over
from domain.rollouts import CohortMode, OnConflict, Rollout, State


@dataclass(frozen=True)
class Wait:
    """`held` are the claims that stand in its way; `until` is when to ask again at the latest, if that is known."""

    state: State
    why: str
    until: datetime | None = None
    held: tuple[Claim, ...] = ()


async def kept_back(tx: Transaction, rollout: Rollout, change: ChangeSet) -> Wait | None:
    """By its window, a freeze or the close of a period; what is urgent passes all of them."""
    if rollout.priority:
        return None
    shut = await _window(tx, rollout)
    if shut is not None:
        return shut
    freezes = await freezes_over(tx, change)
    if freezes:
        return Wait(State.BLOCKED, "frozen", freezes[0].ends)
    held = await held_by_close(tx, change)
    return Wait(State.BLOCKED, held.why) if held else None


async def queued(tx: Transaction, rollout: Rollout, change: ChangeSet, since: datetime) -> Wait | None:
    """By who holds a target or comes before it, or is judged by the same metric where the policy lets one go alone."""
    mine = await tx.target_locks.of(rollout.id)
    held, earlier = await ahead_of(tx, rollout, replace(mine[0], priority=rollout.priority, queued_at=since))
    if held:
        return Wait(State.QUEUED, "target_is_held", held=tuple(held))
    if earlier:
        return Wait(State.QUEUED, "others_come_first")
    if not rollout.priority and await _shares_metrics(tx, rollout, change):
        return Wait(State.QUEUED, "metrics_are_shared")
    return None


async def check_thawed(tx: Transaction, rollout: Rollout, change: ChangeSet, approval: Approval) -> None:
    """Frozen or FinancialChangeHeld, when it would start at once, asks nobody and does not wait."""
    plan = rollout.plan
    waits = plan.on_conflict is not OnConflict.REJECT or plan.apply_at is not None or plan.window is not None
    if waits or rollout.priority or approval.policy.levels:
        return
    freezes = await freezes_over(tx, change)
    if freezes:
        own = await tx.freezes.get(freezes[0].id)
        owner = own.owner if own else None
        raise Frozen(freeze=str(freezes[0].id), until=freezes[0].ends.isoformat(), owner=owner)
    held = await held_by_close(tx, change)
    if held is not None:
        raise held.refusal


async def freezes_over(tx: Transaction, change: ChangeSet) -> list[Cover]:
    """Those that stand over it now; the one that ends last comes first."""
    found = await tx.freezes.over(tx.now)
    if not found:
        return []
    return standing_over(found, await tagged(tx, places_of(change.content.targets)), tx.now)


async def is_paused(tx: Transaction, rollout: Rollout, change: ChangeSet) -> bool:
    """Whether what is under way is held: by a freeze, by its own word or by that of the policy, or by a close."""
    if rollout.priority:
        return False
    freezes = await freezes_over(tx, change)
    if freezes:
        policy = await rollout_policy(tx, rollout.environment, rollout.kind)
        if any(policy.pause_in_freeze or each.running is WhileRunning.PAUSE for each in freezes):
            return True
    return await held_by_close(tx, change) is not None


async def tagged(tx: Transaction, places: Collection[Place]) -> Mapping[Place, Collection[str]]:
    """Each with the tags that its definition has, if it is a setting."""
    keys = {place.key for place in places if place.kind is Kind.SETTING}
    stored = await tx.settings.definitions_of(keys) if keys else {}
    tags = {key: tuple(each.definition.get("tags", ())) for key, each in stored.items()}
    return {place: tags.get(place.key, ()) for place in places}


async def _window(tx: Transaction, rollout: Rollout) -> Wait | None:
    if rollout.plan.window is None:
        return None
    window = await window_called(tx, rollout.plan.window)
    opening = window.next_opening(tx.now) if window else None
    if opening is not None and opening <= tx.now:
        return None
    return Wait(State.SCHEDULED, "waits_for_its_window", opening)


async def _shares_metrics(tx: Transaction, rollout: Rollout, change: ChangeSet) -> bool:
    """Subjects are drawn for each target anew, so that two canaries over them blur each other evenly."""
    if rollout.plan.audience.mode is CohortMode.SUBJECT:
        return False
    policy = await rollout_policy(tx, rollout.environment, rollout.kind)
    return policy.serialize_shared_metrics and bool(await confounded_with(tx, rollout, change))
