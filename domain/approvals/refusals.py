"""The ways a vote is refused."""

from domain.errors import Conflict, Fault, Forbidden, Invalid, TooMany

LEAST_REASON = 10
"""Characters that the reason of a rejection has at least."""


class SelfApproval(Forbidden):
    """Whoever wrote a change or contributed to it may not vote on it, not even as an admin."""

    kind = "self-approval-forbidden"


class NotAnApprover(Forbidden):
    """You are not among the approvers of this change."""

    kind = "not-an-approver"


class ServiceVoted(Forbidden):
    """A service account never votes."""

    kind = "service-account-may-not-vote"


class WrongLevel(Conflict):
    """The level that is open is not yours to vote on."""

    kind = "wrong-level"


class AlreadyVoted(Conflict):
    """One person has one vote in the whole request, and yours is already given."""

    kind = "already-voted"


class ApprovalClosed(Conflict):
    """This approval has ended; no vote can be added."""

    kind = "approval-closed"


class DigestMismatch(Conflict):
    """The vote is for other content than the change holds now."""

    kind = "digest-mismatch"


class VoteMissing(Conflict):
    """You have no vote to take back."""

    kind = "vote-missing"


class LevelComplete(Conflict):
    """The level of this vote is complete; the vote stands."""

    kind = "level-complete"


class ReasonTooShort(Invalid):
    """A rejection needs a reason of at least ten characters."""

    kind = "reason-too-short"

    def __init__(self) -> None:
        super().__init__([Fault("/reason", f"at least {LEAST_REASON} characters")])


class EmergencyByService(Forbidden):
    """A service account never goes past an approval."""

    kind = "service-account-may-not-break-glass"


class EmergencyScheduled(Conflict):
    """An emergency starts now: a draft with a moment of its own is no emergency."""

    kind = "emergency-scheduled"


class NothingToBypass(Conflict):
    """Only a draft, or a change that still waits and is no emergency yet, can be one."""

    kind = "nothing-to-bypass"


class ReviewOverdue(Conflict):
    """The review of an earlier emergency of yours is overdue; no other comes before it."""

    kind = "review-overdue"


class TooManyEmergencies(TooMany):
    """As many emergencies as a day may have went past approval already."""

    kind = "too-many-emergencies"


class ReviewByService(Forbidden):
    """A service account reviews nothing."""

    kind = "service-account-may-not-review"


class SelfReview(Forbidden):
    """Whoever did it, or wrote the change, does not review it."""

    kind = "self-review-forbidden"


class ReviewClosed(Conflict):
    """This review was closed before."""

    kind = "review-closed"
