"""Who may say yes, in which order, how many, and until when."""

from domain.approvals.calendar import Calendar
from domain.approvals.levels import Fallback, Level
from domain.approvals.policy import ApprovalPolicy, Newer, TimeoutScope, default_policy, parse_policy, strictest
from domain.approvals.refusals import (
    AlreadyVoted,
    ApprovalClosed,
    DigestMismatch,
    EmergencyByService,
    EmergencyScheduled,
    LevelComplete,
    NotAnApprover,
    NothingToBypass,
    ReasonTooShort,
    ReviewByService,
    ReviewClosed,
    ReviewOverdue,
    SelfApproval,
    SelfReview,
    ServiceVoted,
    TooManyEmergencies,
    VoteMissing,
    WrongLevel,
)
from domain.approvals.request import Approval, Comment, Vote
from domain.approvals.rules import PolicyRule, When, strictness
from domain.approvals.tally import Answer, Ballot, Standing, Tally, Voter, check_reason
from domain.approvals.timetable import Timetable

__all__ = [
    "AlreadyVoted",
    "Answer",
    "Approval",
    "ApprovalClosed",
    "ApprovalPolicy",
    "Ballot",
    "Calendar",
    "Comment",
    "DigestMismatch",
    "EmergencyByService",
    "EmergencyScheduled",
    "Fallback",
    "Level",
    "LevelComplete",
    "Newer",
    "NotAnApprover",
    "NothingToBypass",
    "PolicyRule",
    "ReasonTooShort",
    "ReviewByService",
    "ReviewClosed",
    "ReviewOverdue",
    "SelfApproval",
    "SelfReview",
    "ServiceVoted",
    "Standing",
    "Tally",
    "TimeoutScope",
    "Timetable",
    "TooManyEmergencies",
    "Vote",
    "VoteMissing",
    "Voter",
    "When",
    "WrongLevel",
    "check_reason",
    "default_policy",
    "parse_policy",
    "strictest",
    "strictness",
]
