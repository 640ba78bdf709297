"""Requests for approval, votes and delegations on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.changes import ChangeOut
from api.schemas.common import Comment, Digest, Handle, In, Instant, Out, Reason
from application.approvals import ApprovalView, VoteWish
from domain.approvals import Answer, Approval, Standing, Timetable, Vote
from domain.environments import Environment
from domain.people import Role


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


class DelegationOut(Out):
    giver: UUID
    to: str
    starts: datetime
    ends: datetime


class LevelOut(Out):
    roles: list[Role]
    people: list[UUID]
    quorum: int
    approvals: int


class VoteOut(Out):
    """`level` counts from 1; `dropped` says why the vote no longer counts."""

    voter: UUID
    voter_handle: str | None
    on_behalf_of: UUID | None
    level: int
    answer: Answer
    reason: str
    via: str
    voted_at: datetime
    dropped: str | None

    @classmethod
    def of(cls, vote: Vote, handles: dict[UUID, str]) -> "VoteOut":
        ballot = vote.ballot
        return cls(
            voter=ballot.voter, voter_handle=handles.get(ballot.voter), on_behalf_of=ballot.behalf,
            level=ballot.level + 1, answer=ballot.answer, reason=vote.reason, via=vote.via,
            voted_at=vote.voted_at, dropped=vote.dropped,
        )  # fmt: skip


class AuthorOut(Out):
    id: UUID
    handle: str | None


class ApprovalOut(Out):
    """`open_level` counts from 1 and is null once every level is complete or the request is closed."""

    id: UUID
    environment: Environment
    standing: Standing
    digest: str
    open_level: int | None
    levels: list[LevelOut]
    authors: list[AuthorOut]
    votes: list[VoteOut]
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
            opened_at=approval.opened_at,
            deadline=_deadline(approval),
            closed_at=approval.closed_at,
            change=ChangeOut.of(view.change),
        )


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
            roles=sorted(level.roles), people=sorted(level.people), quorum=level.quorum,
            approvals=sum(ballot.level == index and ballot.answer is Answer.APPROVE for ballot in approval.ballots),
        )
        for index, level in enumerate(approval.policy.levels)
    ]  # fmt: skip


def _deadline(approval: Approval) -> datetime:
    opened, level_opened = approval.opened_at, approval.level_opened_at
    return Timetable.of(approval.policy, requested_at=opened, level_opened_at=level_opened).deadline
