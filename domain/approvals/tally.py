"""A tally never changes: each ballot returns a new one, so a workflow can replay it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from domain.approvals.levels import Fallback, Level
from domain.approvals.refusals import (
    LEAST_REASON,
    AlreadyVoted,
    ApprovalClosed,
    DigestMismatch,
    LevelComplete,
    NotAnApprover,
    ReasonTooShort,
    SelfApproval,
    ServiceVoted,
    VoteMissing,
    WrongLevel,
)
from domain.people import Actor, Permission, PrincipalKind, Role, permissions_of

SYSTEM_HANDLE = "system:"
"""How the handle of an approval system's principal begins; no handle that a person is given holds a colon."""


class Answer(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Standing(StrEnum):
    """Where a request for approval stands; all but PENDING are ends. BYPASSED: an emergency went past it."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    INVALIDATED = "INVALIDATED"
    BYPASSED = "BYPASSED"

    @property
    def passes(self) -> bool:
        """Whether what was asked for may start."""
        return self in {Standing.APPROVED, Standing.BYPASSED}


@dataclass(frozen=True)
class Voter:
    """A principal with the roles that the database gives now; `system` names the approval system that it stands for."""

    id: UUID
    kind: PrincipalKind
    roles: frozenset[Role]
    may_approve: bool
    system: str | None = None
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, actor: Actor) -> "Voter":
        may = Permission.CHANGE_APPROVE in actor.permissions
        return cls(actor.id, actor.kind, actor.roles, may, system_of(actor), actor.groups)

    def fits(self, level: Level) -> bool:
        return self.system == level.external if level.external is not None else self.stands_in(level)

    def stands_in(self, level: Level | Fallback) -> bool:
        """Whether this person is named there, by themselves, a role, a group or what they may do."""
        if isinstance(level, Level) and level.permission in permissions_of(self.roles):
            return True
        if not self.may_approve:
            return False
        named = self.id in level.people or not self.groups.isdisjoint(level.groups)
        return named or not self.roles.isdisjoint(level.roles)


def system_of(actor: Actor) -> str | None:
    """The approval system whose principal this is."""
    if actor.kind is PrincipalKind.HUMAN or not actor.handle.startswith(SYSTEM_HANDLE):
        return None
    return actor.handle.removeprefix(SYSTEM_HANDLE)


@dataclass(frozen=True)
class Ballot:
    """One vote, bound to the digest of the content that the voter saw; `behalf` is who delegated it, if anybody.

    `escalated`: the voter was asked because the others had not answered in half of the time.
    """

    voter: UUID
    level: int
    answer: Answer
    digest: str
    behalf: UUID | None = None
    escalated: bool = False

    def uses(self, person: UUID) -> bool:
        """Whether this ballot spends the one vote of `person`: a delegate's ballot spends both."""
        return person in (self.voter, self.behalf)


@dataclass(frozen=True)
class Tally:
    """The votes of one request: `authors` are the requester and every contributor, none of whom may vote.

    `escalated` are the indices of levels whose fallback may vote, too.
    """

    digest: str
    authors: tuple[UUID, ...]
    levels: tuple[Level, ...]
    ballots: tuple[Ballot, ...] = ()
    escalated: tuple[int, ...] = ()

    @property
    def level(self) -> int:
        """Index of the open level; the number of levels when all are complete."""
        for index, level in enumerate(self.levels):
            if self._approvals(index) < level.quorum:
                return index
        return len(self.levels)

    @property
    def standing(self) -> Standing:
        if any(ballot.answer is Answer.REJECT for ballot in self.ballots):
            return Standing.REJECTED
        return Standing.APPROVED if self.level == len(self.levels) else Standing.PENDING

    def ballot_of(self, voter: UUID) -> Ballot | None:
        return next((ballot for ballot in self.ballots if ballot.uses(voter)), None)

    def holds(self, voter: UUID, answer: Answer, digest: str, behalf: UUID | None = None) -> bool:
        """Whether exactly this vote was counted, on whichever level."""
        given = self.ballot_of(voter)
        if given is None or given.answer is not answer or given.digest != digest:
            return False
        return (given.voter, given.behalf) == (voter, behalf)

    def repeats(self, voter: UUID, answer: Answer, digest: str, behalf: UUID | None = None) -> bool:
        """Whether this vote was given before, on the level that is open or on the one that completed the request."""
        given = self.ballot_of(voter)
        if given is None or not self.holds(voter, answer, digest, behalf):
            return False
        return self.standing is not Standing.PENDING or given.level == self.level

    def check(self, voter: UUID, digest: str, behalf: UUID | None = None) -> None:
        """What can be known without roles; raises the refusal that applies first."""
        people = [person for person in (voter, behalf) if person is not None]
        if any(person in self.authors for person in people):
            raise SelfApproval
        if any(self.ballot_of(person) is not None for person in people):
            raise AlreadyVoted
        if self.standing is not Standing.PENDING:
            raise ApprovalClosed(standing=self.standing.value)
        if digest != self.digest:
            raise DigestMismatch(expected=self.digest)

    def check_voter(self, voter: Voter, behalf: Voter | None = None) -> None:
        """What needs present roles: the voter's own, or those of the person who delegated the vote."""
        asked = self.levels[self.level].external if self.level < len(self.levels) else None
        if voter.kind is not PrincipalKind.HUMAN and (asked is None or voter.system != asked or behalf is not None):
            raise ServiceVoted
        entitled = behalf or voter
        if not any(self._asks(entitled, index) for index in range(len(self.levels))):
            raise NotAnApprover
        if not self._asks(entitled, self.level):
            raise WrongLevel(open_level=self.level + 1)

    def asks(self, voter: Voter) -> bool:
        """Whether the open level waits for this voter, who is no author and has not voted."""
        if voter.id in self.authors or self.ballot_of(voter.id) is not None or self.level >= len(self.levels):
            return False
        system = self.levels[self.level].external
        return (voter.kind is PrincipalKind.HUMAN or system is not None) and self._asks(voter, self.level)

    def by_escalation(self, voter: Voter) -> bool:
        """Whether this voter may vote on the open level only because it was escalated."""
        return not voter.fits(self.levels[self.level])

    def with_ballot(self, voter: UUID, answer: Answer, digest: str, behalf: UUID | None = None) -> "Tally":
        return replace(self, ballots=(*self.ballots, Ballot(voter, self.level, answer, digest, behalf)))

    def check_withdrawal(self, voter: UUID) -> None:
        """A vote can be taken back until the level that it was given on is complete."""
        if self.standing is not Standing.PENDING:
            raise ApprovalClosed(standing=self.standing.value)
        given = self.ballot_of(voter)
        if given is None or given.voter != voter:
            raise VoteMissing
        if given.level != self.level:
            raise LevelComplete(level=given.level + 1)

    def without(self, voters: Iterable[UUID]) -> "Tally":
        gone = frozenset(voters)
        return replace(self, ballots=tuple(ballot for ballot in self.ballots if ballot.voter not in gone))

    def ineligible(self, voters: Iterable[Voter]) -> tuple[UUID, ...]:
        """Who approved and, by the roles of now, no longer may."""
        present = {voter.id: voter for voter in voters}
        return tuple(
            ballot.voter
            for ballot in self.ballots
            if not self._still_asks(present.get(ballot.behalf or ballot.voter), ballot.level)
        )

    def _still_asks(self, voter: Voter | None, index: int) -> bool:
        return voter is not None and self._asks(voter, index)

    def _asks(self, voter: Voter, index: int) -> bool:
        level = self.levels[index]
        if voter.fits(level):
            return True
        return index in self.escalated and level.escalates_to is not None and voter.stands_in(level.escalates_to)

    def _approvals(self, index: int) -> int:
        return sum(ballot.level == index and ballot.answer is Answer.APPROVE for ballot in self.ballots)


def check_reason(answer: Answer, reason: str) -> None:
    if answer is Answer.REJECT and len(reason.strip()) < LEAST_REASON:
        raise ReasonTooShort
