"""Requests for approval, votes and delegations on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.changes import ChangeOut, ReachOut
from api.schemas.common import Comment, Digest, Handle, In, Instant, Object, Out, Reason
from api.schemas.flag_impact import CountedOut
from application.approvals import ApprovalView, VoteWish
from application.briefing import Brief
from application.delegations import Lent
from domain.approvals import Answer, Approval, Standing, Vote
from domain.changes import Reach
from domain.environments import Environment
from domain.people import Permission, Role


class ApprovalIn(In):
    change_id: UUID


class VoteIn(In):
    """`digest` is of the content that the voter saw; `on_behalf_of` is who delegated the vote."""

    reason: Comment = ""
    digest: Digest | None = None
    on_behalf_of: UUID | None = None

    def wish(self, answer: Answer) -> VoteWish:
        return VoteWish(answer, self.reason, self.digest, self.on_behalf_of)


class AssertionIn(VoteIn):
    answer: Answer


class WithdrawVoteIn(In):
    reason: Comment = ""


class DelegationIn(In):
    """Until `ends`, the principal with handle `to` may vote in the place of whoever asks."""

    to: Handle
    starts: Instant
    ends: Instant
    reason: Reason


class RevokeIn(In):
    reason: Reason


class DelegationOut(Out):
    id: UUID
    giver: UUID
    to: str
    starts: datetime
    ends: datetime


class LentOut(Out):
    """`holds` now: it has begun, has not ended, and was not asked back."""

    id: UUID
    giver: UUID
    giver_handle: str
    to: str
    starts: datetime
    ends: datetime
    revoked_at: datetime | None
    holds: bool

    @classmethod
    def of(cls, lent: Lent) -> "LentOut":
        each = lent.delegation
        return cls(
            id=each.id, giver=each.giver, giver_handle=lent.giver, to=lent.taker, starts=each.starts, ends=each.ends,
            revoked_at=each.revoked_at, holds=lent.holds,
        )  # fmt: skip


class DelegationsOut(Out):
    items: list[LentOut]

    @classmethod
    def of(cls, lent: list[Lent]) -> "DelegationsOut":
        return cls(items=[LentOut.of(each) for each in lent])


class CommentIn(In):
    text: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class CommentOut(Out):
    id: UUID
    author: UUID
    author_handle: str | None
    text: str
    written_at: datetime


class LevelOut(Out):
    """`escalated`: half of its time is over, and those in `escalates_to` are asked, too.

    Whoever has `permission` is asked, whatever their roles are.
    """

    roles: list[Role]
    people: list[UUID]
    groups: list[str]
    external: str | None
    quorum: int
    approvals: int
    escalates_to: Object | None
    escalated: bool
    permission: Permission | None


class VoteOut(Out):
    """`level` counts from 1; `dropped` says why it no longer counts, `escalated` that half of the time was over."""

    voter: UUID
    voter_handle: str | None
    on_behalf_of: UUID | None
    level: int
    answer: Answer
    reason: str
    via: str
    voted_at: datetime
    dropped: str | None
    escalated: bool

    @classmethod
    def of(cls, vote: Vote, handles: dict[UUID, str]) -> "VoteOut":
        ballot = vote.ballot
        return cls(
            voter=ballot.voter, voter_handle=handles.get(ballot.voter), on_behalf_of=ballot.behalf,
            level=ballot.level + 1, answer=ballot.answer, reason=vote.reason, via=vote.via,
            voted_at=vote.voted_at, dropped=vote.dropped, escalated=ballot.escalated,
        )  # fmt: skip


class AuthorOut(Out):
    id: UUID
    handle: str | None


class ApprovalOut(Out):
    """`open_level` counts from 1 and is null once every level is complete or the request is closed.

    `may_vote_for` are those who lend their vote to whoever reads this, and whom the open level asks.
    """

    id: UUID
    environment: Environment
    standing: Standing
    digest: str
    open_level: int | None
    levels: list[LevelOut]
    authors: list[AuthorOut]
    votes: list[VoteOut]
    comments: list[CommentOut]
    may_vote_for: list[AuthorOut]
    opened_at: datetime
    deadline: datetime
    closed_at: datetime | None
    change: ChangeOut

    @classmethod
    def of(cls, view: ApprovalView) -> "ApprovalOut":
        approval = view.approval
        return cls(
            id=approval.id,
            environment=approval.environment,
            standing=approval.standing,
            digest=approval.digest,
            open_level=_open_level(approval),
            levels=_levels(approval),
            authors=[AuthorOut(id=author, handle=view.handles.get(author)) for author in approval.authors],
            votes=[VoteOut.of(vote, view.handles) for vote in view.votes],
            comments=[
                CommentOut(
                    id=said.id,
                    author=said.author,
                    author_handle=view.handles.get(said.author),
                    text=said.words,
                    written_at=said.written_at,
                )
                for said in view.comments
            ],
            may_vote_for=[AuthorOut(id=lender, handle=view.handles.get(lender)) for lender in view.lenders],
            opened_at=approval.opened_at,
            deadline=approval.timetable.deadline,
            closed_at=approval.closed_at,
            change=ChangeOut.of(view.change),
        )


class BriefOut(Out):
    """`changes` may be the first of `lines`. `sees_from` is the smallest ratio of errors that the gates could see.

    `impact` is on sampled contexts. `overlaps` hold or want the same targets; what it is `confounded_with` is judged by
    the same metrics.
    """

    title: str
    environment: Environment
    reason: str
    ticket: str | None
    authors: list[str]
    changes: list[Object]
    lines: int
    moved: bool
    reach: ReachOut | None
    impact: CountedOut | None
    instances: int
    strategy: str
    steps: str
    gates: Object | None
    sees_from: float | None
    accepted_blind: bool
    overlaps: list[UUID]
    confounded_with: list[UUID]
    way_back: str

    @classmethod
    def of(cls, brief: Brief) -> "BriefOut":
        reach = ReachOut.of(Reach.of(brief.reach)) if brief.reach is not None else None
        return cls(**brief.to_json() | {"reach": reach})


class PendingOut(Out):
    items: list[ApprovalOut]

    @classmethod
    def of(cls, views: list[ApprovalView]) -> "PendingOut":
        return cls(items=[ApprovalOut.of(view) for view in views])


class SignalInputOut(Out):
    assertion: str


class SignalOut(Out):
    """What `temporal workflow signal` needs to cast this vote."""

    workflow_id: str
    name: str
    input: SignalInputOut


class AssertionOut(Out):
    """Both are null when this vote was given before."""

    assertion: str | None = Field(description="Proof of who votes, good for minutes.")
    signal: SignalOut | None

    @classmethod
    def of(cls, approval: UUID, answer: Answer, assertion: str | None) -> "AssertionOut":
        if assertion is None:
            return cls(assertion=None, signal=None)
        proof = SignalInputOut(assertion=assertion)
        return cls(
            assertion=assertion, signal=SignalOut(workflow_id=f"approval/{approval}", name=answer.value, input=proof)
        )


def _open_level(approval: Approval) -> int | None:
    level = approval.tally.level
    return level + 1 if approval.standing is Standing.PENDING and level < len(approval.policy.levels) else None


def _levels(approval: Approval) -> list[LevelOut]:
    return [
        LevelOut(
            roles=sorted(level.roles), people=sorted(level.people), groups=sorted(level.groups), quorum=level.quorum,
            external=level.external, escalates_to=level.escalates_to.to_json() if level.escalates_to else None,
            escalated=index in approval.escalated, permission=level.permission,
            approvals=sum(ballot.level == index and ballot.answer is Answer.APPROVE for ballot in approval.ballots),
        )
        for index, level in enumerate(approval.policy.levels)
    ]  # fmt: skip
