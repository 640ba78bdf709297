"""Approvals: what waits, votes, proofs of votes for signals, and delegations."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.intake import Checked
from api.schemas.approvals import (
    ApprovalIn,
    ApprovalOut,
    AssertionIn,
    AssertionOut,
    BriefOut,
    CommentIn,
    DelegationIn,
    DelegationOut,
    DelegationsOut,
    LentOut,
    PendingOut,
    RevokeIn,
    VoteIn,
    WithdrawVoteIn,
)
from api.schemas.rollouts import SubmittedOut
from api.services import Use
from domain.approvals import Answer

router = APIRouter(prefix="/api/v1", tags=["approvals"], route_class=Once)
proofs = APIRouter(prefix="/api/v1", tags=["approvals"], route_class=Checked)
"""Apart, because a proof must not be kept to be answered again."""


@router.post("/approvals", status_code=201, summary="Ask for approval of a change", dependencies=KEYED)
async def ask(wish: ApprovalIn, actor: Acting, use: Use) -> SubmittedOut:
    """The same as submitting the change."""
    return SubmittedOut.of(await use.submission.submit(actor, wish.change_id))


@router.get("/approvals/pending", summary="List what waits for my vote")
async def pending(actor: Acting, use: Use) -> PendingOut:
    return PendingOut.of(await use.approvals.pending(actor))


@router.get("/approvals/{id}", summary="Read a request for approval")
async def read(id: UUID, actor: Acting, use: Use) -> ApprovalOut:  # noqa: A002 -- the wire's name
    return ApprovalOut.of(await use.approvals.get(actor, id))


@router.get("/approvals/{id}/brief", summary="Read what is to be approved")
async def brief(id: UUID, actor: Acting, use: Use) -> BriefOut:  # noqa: A002 -- the wire's name
    """The difference, how far it reaches, how it is judged, what runs beside it, and how it is taken back."""
    return BriefOut.of(await use.approvals.brief(actor, id))


@router.post("/approvals/{id}/approve", summary="Approve", dependencies=KEYED)
async def approve(id: UUID, wish: VoteIn, actor: Acting, use: Use) -> ApprovalOut:  # noqa: A002 -- the wire's name
    """One vote a person; nobody who wrote a part of the change may vote on it."""
    return ApprovalOut.of(await use.approvals.vote(actor, id, wish.wish(Answer.APPROVE)))


@router.post("/approvals/{id}/reject", summary="Reject", dependencies=KEYED)
async def reject(id: UUID, wish: VoteIn, actor: Acting, use: Use) -> ApprovalOut:  # noqa: A002 -- the wire's name
    """With a reason of at least ten characters; one rejection ends the request."""
    return ApprovalOut.of(await use.approvals.vote(actor, id, wish.wish(Answer.REJECT)))


@router.post("/approvals/{id}/withdraw-vote", summary="Take a vote back", dependencies=KEYED)
async def withdraw_vote(id: UUID, wish: WithdrawVoteIn, actor: Acting, use: Use) -> ApprovalOut:  # noqa: A002 -- the wire's name
    """Until the level that it was given on is complete."""
    return ApprovalOut.of(await use.approvals.withdraw_vote(actor, id, wish.reason))


@router.post("/approvals/{id}/comments", status_code=201, summary="Comment on a request", dependencies=KEYED)
async def comment(id: UUID, wish: CommentIn, actor: Acting, use: Use) -> ApprovalOut:  # noqa: A002 -- the wire's name
    """Beside the votes, for everybody who reads the request; it counts for nothing."""
    return ApprovalOut.of(await use.approvals.comment(actor, id, wish.text))


@proofs.post("/approvals/{id}/assertions", summary="Get proof of a vote")
async def assertion(id: UUID, wish: AssertionIn, actor: Acting, use: Use) -> AssertionOut:  # noqa: A002 -- the wire's name
    """A signed assertion to be sent as a Temporal signal; nothing is counted before it arrives."""
    proof = await use.approvals.assertion(actor, id, wish.wish(wish.answer))
    return AssertionOut.of(id, wish.answer, proof)


@router.post("/delegations", status_code=201, summary="Lend the right to vote", dependencies=KEYED)
async def delegate(wish: DelegationIn, actor: Acting, use: Use) -> DelegationOut:
    lent = await use.delegations.delegate(actor, wish.to, wish.starts, wish.ends, wish.reason)
    return DelegationOut(id=lent.id, giver=actor.id, to=wish.to, starts=wish.starts, ends=wish.ends)


@router.get("/delegations", summary="List who lends whom a vote")
async def delegations(actor: Acting, use: Use) -> DelegationsOut:
    return DelegationsOut.of(await use.delegations.all(actor))


@router.post("/delegations/{id}/revoke", summary="Ask a lent vote back", dependencies=KEYED)
async def revoke(id: UUID, wish: RevokeIn, actor: Acting, use: Use) -> LentOut:  # noqa: A002 -- the wire's name
    """From now on; what was voted stays."""
    return LentOut.of(await use.delegations.revoke(actor, id, wish.reason))
