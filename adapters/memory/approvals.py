"""Requests for approval and their votes, in memory; four eyes hold here as they hold in the database."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows, Tick, as_stored
from domain.approvals import (
    AlreadyVoted,
    Approval,
    ApprovalClosed,
    Ballot,
    Comment,
    DigestMismatch,
    SelfApproval,
    Standing,
    Vote,
    parse_policy,
)
from domain.errors import AlreadyExists


class MemoryApprovals:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def open(self, approval: Approval) -> None:
        if approval.id in self._rows.approvals:
            raise AlreadyExists
        policy = parse_policy(as_stored(approval.policy.to_json()))
        self._rows.approvals[approval.id] = replace(approval, policy=policy, ballots=(), closed_at=None)

    async def get(self, approval: UUID, *, lock: bool = False) -> Approval | None:
        del lock
        found = self._rows.approvals.get(approval)
        return replace(found, ballots=self._ballots(approval)) if found else None

    async def pending(self) -> list[Approval]:
        wanted = [each for each in self._rows.approvals.values() if each.standing is Standing.PENDING]
        oldest = sorted(wanted, key=lambda each: each.opened_at)
        return [replace(each, ballots=self._ballots(each.id)) for each in oldest]

    async def votes(self, approval: UUID) -> list[Vote]:
        return list(self._rows.votes.get(approval, ()))

    async def cast(self, approval: UUID, ballot: Ballot, *, author: UUID, reason: str, via: str) -> None:
        request = self._rows.approvals[approval]
        people = {ballot.voter, ballot.behalf} - {None}
        if request.standing is not Standing.PENDING:
            raise ApprovalClosed
        if people & {author, *request.authors}:
            raise SelfApproval
        if ballot.digest != request.digest:
            raise DigestMismatch
        if any(given.uses(person) for given in self._ballots(approval) for person in people if person):
            raise AlreadyVoted
        vote = Vote(ballot, self._tick(), reason, via)
        self._rows.votes[approval] = (*self._rows.votes.get(approval, ()), vote)

    async def drop(self, approval: UUID, voter: UUID, why: str) -> None:
        self._rows.votes[approval] = tuple(
            replace(vote, dropped=why) if vote.dropped is None and vote.ballot.voter == voter else vote
            for vote in self._rows.votes.get(approval, ())
        )

    async def open_level(self, approval: UUID, at: datetime) -> None:
        self._set(approval, level_opened_at=at)

    async def close(self, approval: UUID, standing: Standing) -> None:
        self._set(approval, standing=standing, closed_at=self._tick())

    async def reopen(self, approval: UUID) -> None:
        self._set(approval, standing=Standing.PENDING, closed_at=None)

    async def escalate(self, approval: UUID, level: int) -> None:
        found = self._rows.approvals[approval]
        self._set(approval, escalated=(*found.escalated, level))

    async def comment(self, comment: Comment) -> None:
        self._rows.comments.setdefault(comment.id, replace(comment, written_at=self._tick()))

    async def comments(self, approval: UUID) -> list[Comment]:
        said = [each for each in self._rows.comments.values() if each.approval == approval]
        return sorted(said, key=lambda each: (each.written_at, each.id))

    def _set(self, approval: UUID, **changes: object) -> None:
        found = self._rows.approvals.get(approval)
        if found is not None:
            self._rows.approvals[approval] = replace(found, **changes)  # type: ignore[arg-type]  # fields by name

    def _ballots(self, approval: UUID) -> tuple[Ballot, ...]:
        return tuple(vote.ballot for vote in self._rows.votes.get(approval, ()) if vote.dropped is None)
