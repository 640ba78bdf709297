"""People see what waits for them and vote; the same rules are asked here as where the vote is counted."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from application.acting import Acting, done
from application.briefing import Brief, briefed
from application.changes import existing_change
from application.delegations import lenders_of
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import (
    Answer,
    Approval,
    ApprovalClosed,
    Comment,
    DigestMismatch,
    NotAnApprover,
    Standing,
    Vote,
    Voter,
    check_reason,
)
from domain.audit import Action, Outcome
from domain.changes import ChangeSet
from domain.errors import Missing, Refusal, Unavailable
from domain.people import Actor, Permission, PermissionMissing


@dataclass(frozen=True)
class VoteWish:
    """`digest` is what the voter saw; None means the present one. `behalf` is who delegated the vote."""

    answer: Answer
    reason: str = ""
    digest: str | None = None
    behalf: UUID | None = None


@dataclass(frozen=True)
class ApprovalView:
    """`lenders` lend their vote to whoever looks, and the open level asks them."""

    approval: Approval
    change: ChangeSet
    votes: tuple[Vote, ...]
    handles: dict[UUID, str]
    comments: tuple[Comment, ...] = ()
    lenders: tuple[UUID, ...] = ()


class Approvals:
    def __init__(self, store: Store, processes: Processes, acting: Acting) -> None:
        self._store = store
        self._processes = processes
        self._acting = acting

    async def get(self, actor: Actor, approval_id: UUID) -> ApprovalView:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _view(tx, await _existing(tx, approval_id), actor.id, await _lenders(tx, actor))

    async def pending(self, actor: Actor) -> list[ApprovalView]:
        """Requests whose open level this actor may vote on, or somebody who lends them their vote."""
        actor.require(Permission.CHANGE_READ)
        voter = Voter.of(actor)
        async with self._store.transaction(actor.tenant) as tx:
            lenders = await _lenders(tx, actor)
            return [
                await _view(tx, approval, actor.id, lenders)
                for approval in await tx.approvals.pending()
                if approval.tally.asks(voter) or _asked(approval, voter.id, lenders)
            ]

    async def brief(self, actor: Actor, approval_id: UUID) -> Brief:
        """What is to be approved, as things are now."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await _existing(tx, approval_id)
            return await briefed(tx, await existing_change(tx, approval_id))

    async def comment(self, actor: Actor, approval_id: UUID, words: str) -> ApprovalView:
        """By whoever wrote the change, or may propose or approve one; it counts for nothing, and stays."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            approval = await _existing(tx, approval_id)
            speaks = {Permission.CHANGE_APPROVE, Permission.CHANGE_PROPOSE} & actor.permissions
            if not speaks and actor.id not in approval.authors:
                raise PermissionMissing(permission=Permission.CHANGE_APPROVE.value)
            said = Comment(actor.request or uuid4(), approval_id, actor.id, words, tx.now)
            if said.id not in {each.id for each in await tx.approvals.comments(approval_id)}:
                await tx.approvals.comment(said)
                await record(tx, Action.APPROVAL_COMMENTED, ("approval", approval_id), actor=actor,
                             change=approval_id, reason=words)  # fmt: skip
            return await _view(tx, approval, actor.id, await _lenders(tx, actor))

    async def vote(self, actor: Actor, approval_id: UUID, wish: VoteWish) -> ApprovalView:
        """Cast a vote through the workflow and return what the database then holds.

        Raises SelfApproval, NotAnApprover, WrongLevel, AlreadyVoted, ApprovalClosed, DigestMismatch, ReasonTooShort.
        """
        assertion = await self.assertion(actor, approval_id, wish)
        if assertion is not None:
            try:
                await self._processes.vote(approval_id, wish.answer, actor.id, assertion)
            except ApprovalClosed:
                if (
                    await self._checked(actor, approval_id, wish) is not None
                ):  # its process was lost, and another begins
                    raise Unavailable(part="temporal") from None
        return await self.get(actor, approval_id)

    async def assertion(self, actor: Actor, approval_id: UUID, wish: VoteWish) -> str | None:
        """A signed assertion of this vote, valid for minutes; None when the vote was given already."""
        try:
            approval = await self._checked(actor, approval_id, wish)
        except Unavailable:
            raise  # nobody was refused: the same act may come again
        except Refusal as refusal:
            await self._denied(actor, approval_id, refusal)
            raise
        if approval is None:
            return None
        body = {"reason": wish.reason, "behalf": str(wish.behalf) if wish.behalf else None}
        return await self._acting.sign(actor, wish.answer.value, approval_id, body, digest=approval.digest)

    async def withdraw_vote(self, actor: Actor, approval_id: UUID, reason: str) -> ApprovalView:
        """Until the level that it was given on is complete; raises ApprovalClosed, VoteMissing or LevelComplete."""
        try:
            taken = await self._withdrawn(actor, approval_id)
        except Unavailable:
            raise
        except Refusal as refusal:
            await self._denied(actor, approval_id, refusal)
            raise
        if not taken:
            assertion = await self._acting.sign(actor, "withdraw_vote", approval_id, {"reason": reason})
            await self._processes.withdraw_vote(approval_id, assertion)
        return await self.get(actor, approval_id)

    async def _withdrawn(self, actor: Actor, approval_id: UUID) -> bool:
        """Whether this very request took the vote back before; otherwise it may."""
        async with self._store.transaction(actor.tenant) as tx:
            approval = await _existing(tx, approval_id)
            if await done(tx, actor):
                return True
            if approval.standing is not Standing.PENDING:
                raise ApprovalClosed(standing=approval.standing.value)
            approval.tally.check_withdrawal(actor.id)
            return False

    async def _checked(self, actor: Actor, approval_id: UUID, wish: VoteWish) -> Approval | None:
        async with self._store.transaction(actor.tenant) as tx:
            approval = await _existing(tx, approval_id)
            if await done(tx, actor):
                return None
            tally, digest = approval.tally, wish.digest or approval.digest
            if digest != approval.digest:
                raise DigestMismatch(expected=approval.digest)
            if tally.repeats(actor.id, wish.answer, digest, wish.behalf):
                return None
            if approval.standing is not Standing.PENDING:
                raise ApprovalClosed(standing=approval.standing.value)
            check_reason(wish.answer, wish.reason)
            tally.check(actor.id, digest, wish.behalf)
            tally.check_voter(Voter.of(actor), await _giver(tx, actor, wish))
            return approval

    async def _denied(self, actor: Actor, approval_id: UUID, refusal: Refusal) -> None:
        if isinstance(refusal, Missing):
            return
        async with self._store.transaction(actor.tenant) as tx:
            await record(tx, Action.VOTE_REFUSED, ("approval", approval_id), actor=actor, outcome=Outcome.DENIED,
                         change=approval_id, after={"refusal": refusal.kind, "via": "api"})  # fmt: skip


async def _giver(tx: Transaction, actor: Actor, wish: VoteWish) -> Voter | None:
    if wish.behalf is None:
        return None
    giver = await tx.people.actor(wish.behalf)
    if giver is None or not await tx.people.delegated(wish.behalf, actor.id, tx.now):
        raise NotAnApprover
    return Voter.of(giver)


async def _lenders(tx: Transaction, actor: Actor) -> list[Voter]:
    people = await tx.people.by_ids(await lenders_of(tx, actor.id))
    return [Voter.of(person.actor) for person in people]


def _asked(approval: Approval, delegate: UUID, lenders: list[Voter]) -> tuple[UUID, ...]:
    """Those of the lenders whose vote this delegate may give."""
    tally = approval.tally
    if approval.standing is not Standing.PENDING or delegate in tally.authors or tally.ballot_of(delegate) is not None:
        return ()
    return tuple(lender.id for lender in lenders if tally.asks(lender))


async def _existing(tx: Transaction, approval_id: UUID) -> Approval:
    approval = await tx.approvals.get(approval_id)
    if approval is None:
        raise Missing(kind_of_thing="approval", id=str(approval_id))
    return approval


async def _view(tx: Transaction, approval: Approval, viewer: UUID, lenders: list[Voter]) -> ApprovalView:
    votes, comments = await tx.approvals.votes(approval.id), await tx.approvals.comments(approval.id)
    asked = _asked(approval, viewer, lenders)
    known = {*approval.authors, *asked, *(vote.ballot.voter for vote in votes), *(said.author for said in comments)}
    known |= {vote.ballot.behalf for vote in votes if vote.ballot.behalf}
    people = await tx.people.by_ids(list(known))
    handles = {person.id: person.handle for person in people}
    change = await existing_change(tx, approval.id)
    return ApprovalView(approval, change, tuple(votes), handles, tuple(comments), asked)
