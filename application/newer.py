"""Where a policy says so, a newer change takes the place of older ones that wait for a yes to the same targets."""

from uuid import UUID

from application.closing import facts, link, taken_back
from application.notices import tell
from application.ports.store import Transaction
from application.progression import Step, move
from domain.approvals import ApprovalPolicy, Newer
from domain.changes import ChangeSet
from domain.locks import places_of
from domain.people import Actor
from domain.rollouts import State

WHY = "newer_change_submitted"


async def withdraw_older(tx: Transaction, actor: Actor, change: ChangeSet, policy: ApprovalPolicy) -> list[UUID]:
    """The approvals that ended so; an older change that wants other targets, too, stays."""
    if policy.newer is Newer.KEEP:
        return []
    places = set(places_of(change.content.targets))
    wanted = {each.rollout for each in await tx.target_locks.at(places) if each.tenant == tx.tenant}
    ended = []
    for each in sorted(wanted - {change.id}):
        older = await tx.rollouts.get(each, lock=True)
        covered = {claim.place for claim in await tx.target_locks.of(each)} <= places
        if older is None or older.state is not State.AWAITING_APPROVAL or not covered:
            continue
        step = Step(older.id, older.tenant, f"{WHY}:{change.id}", tx.now)
        gone = await move(tx, older, step, State.WITHDRAWN, WHY, actor=actor)
        await taken_back(tx, gone)
        approval = await tx.approvals.get(older.change)
        people = [older.requester, *(ballot.voter for ballot in approval.ballots)] if approval else [older.requester]
        said = facts(gone, cause=WHY)
        await tell(tx, "votes_invalidated", [*people, None], said, link=link(gone), seed=older.id)
        ended.append(older.change)
    return ended
