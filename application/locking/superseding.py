"""Who is approved itself may take the place of what is under way: after that has gone back, or where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from application.ports.store import Transaction
from application.progression import Step, move
from application.recording import record
from application.tenancy.choosing import chosen
from domain.audit import Action
from domain.canonical import Json
from domain.locks import Claim, NotApproved, NothingToSupersede
from domain.people import Actor
from domain.rollouts import OnConflict, Plan, Rollout, State, Takeover

GIVES_WAY = frozenset({State.RUNNING, State.PAUSED, State.BAKING})
"""What goes back already goes back once."""


@dataclass(frozen=True)
class Displaced:
    """`old` has ended where it stood, and the newer one goes on from there."""

    old: Rollout


async def make_way(tx: Transaction, rollout: Rollout, held: Iterable[Claim], step: Step) -> Displaced | None:
    """What the plan says of those that hold its targets, of an approved rollout; None when it must still wait.

    An emergency asks nobody but another emergency. What other tenants hold is waited for.
    """
    claims = list(held)
    wishes = rollout.plan.on_conflict is OnConflict.SUPERSEDE or rollout.emergency is not None
    if not wishes or any(each.tenant != tx.tenant for each in claims):
        return None
    holders = [await _holder(tx, each) for each in sorted({each.rollout for each in claims})]
    if rollout.emergency is None and rollout.plan.takeover is Takeover.TAKE_OVER and len(holders) == 1:
        (old,) = holders
        if old is not None and await _same_way(tx, old, rollout):
            return await _take_over(tx, old, rollout, step)
    for each in holders:
        if each is not None and not (rollout.emergency and each.emergency):
            await displace(tx, each, rollout)
    return None


async def displace(tx: Transaction, old: Rollout, by: Rollout, *, actor: Actor | None = None, reason: str = "") -> bool:
    """Sends it back, to end superseded; False when it is on its way back, or was sent there before."""
    if old.state not in GIVES_WAY or old.superseded_by is not None:
        return False
    await tx.rollouts.save(replace(old, superseded_by=by.id))
    await tx.target_locks.supersede(old.id, by.id)
    await record(tx, Action.ROLLOUT_SUPERSEDED, ("rollout", old.id), actor=actor, change=old.change,
                 reason=reason or f"{by.id} takes its place", before={"state": old.state.value},
                 after={"by": str(by.id)})  # fmt: skip
    return True


async def ordered_to_displace(tx: Transaction, newer: Rollout, actor: Actor, reason: str) -> list[UUID]:
    """A person lets an approved rollout that waits take the place of those that hold its targets.

    Raises NotApproved, and NothingToSupersede when nothing of ours that could give way stands before it.
    """
    approval = await tx.approvals.get(newer.change)
    if approval is None or not approval.standing.passes:
        raise NotApproved(standing=approval.standing.value if approval else None)
    rivals = await tx.target_locks.rivals(newer.id)
    ours = sorted({each.rollout for each in rivals if each.held and each.tenant == tx.tenant})
    gone = []
    for each in ours if newer.state is State.QUEUED else []:
        old = await tx.rollouts.get(each, lock=True)
        if old is not None and await displace(tx, old, newer, actor=actor, reason=reason):
            gone.append(each)
    if not gone:
        raise NothingToSupersede(state=newer.state.value)
    return gone


async def _holder(tx: Transaction, claim: UUID) -> Rollout | None:
    return await tx.rollouts.get(claim, lock=True)


async def _same_way(tx: Transaction, old: Rollout, new: Rollout) -> bool:
    """Stage by stage over the same audience and the same targets: only so can one go on where the other stood."""
    if old.state not in {State.RUNNING, State.PAUSED} or old.stage is None or old.superseded_by is not None:
        return False
    mine = [each.place for each in await tx.target_locks.of(new.id)]
    theirs = [each.place for each in await tx.target_locks.of(old.id)]
    return mine == theirs and _steps(old.plan) == _steps(new.plan) and await _same_tenants(tx, old, new)


def _steps(plan: Plan) -> Json:
    """Whom each stage reaches."""
    whole = plan.to_json()
    batches = {name: whole["batches"].get(name) for name in ("order_by", "size", "percent")} if plan.batches else None
    return [whole["strategy"], whole["audience"], [stage.weight for stage in plan.stages], batches]


async def _same_tenants(tx: Transaction, old: Rollout, new: Rollout) -> bool:
    """Chosen alike, and whoever has it is still among them: nobody is left with what nobody takes back."""
    theirs, mine = [await tx.changes.get(each.change) for each in (old, new)]
    if theirs is None or mine is None or theirs.content.tenants != mine.content.tenants:
        return False
    if mine.content.tenants is None:
        return True
    present = {each.id for each in await chosen(tx, mine.content.tenants)}
    return all(part.tenant in present for part in await tx.parts.of(old.id) if part.written)


async def _take_over(tx: Transaction, old: Rollout, new: Rollout, step: Step) -> Displaced:
    """The old one ends with what it serves in place, and its locks go with it."""
    await record(tx, Action.ROLLOUT_SUPERSEDED, ("rollout", old.id), change=old.change,
                 reason=f"{new.id} goes on where it stood", before={"state": old.state.value},
                 after={"by": str(new.id), "stage": old.stage})  # fmt: skip
    ending = replace(step, rollout=old.id, name=f"taken_over_by:{new.id}")
    await move(tx, replace(old, superseded_by=new.id), ending, State.SUPERSEDED, "taken_over")
    return Displaced(old)
