"""What the database refuses, in the product's own words."""

import orjson
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapters.postgres.posting_refusals import posting_refusal
from domain.approvals import AlreadyVoted, ApprovalClosed, DigestMismatch, SelfApproval
from domain.calendars.keeping import PeriodsApart, PeriodsOverlap, YearsApart, YearUsed
from domain.closures import (
    ChainBroken,
    EvidenceAltered,
    EvidenceRetained,
    NotWaivable,
    ReopeningOver,
    RunOver,
    SodViolation,
)
from domain.closures.refusals import SeriesOver
from domain.commands import WrongCommandState
from domain.errors import AlreadyExists, Fault, Invalid, Refusal, Unavailable
from domain.periods import BooksInUse, StaleEpoch
from domain.sagas import WrongProcessState
from domain.tenants import QuotaExceeded, TenantNameTaken

_BY_CONSTRAINT: dict[str, type[Refusal]] = {
    "one_vote_each": AlreadyVoted,
    "one_vote_given": AlreadyVoted,
    "author_does_not_vote": SelfApproval,
    "approval_is_open": ApprovalClosed,
    "vote_binds_digest": DigestMismatch,
    "one_value_at_a_time": AlreadyExists,
    "tenant_slug_key": TenantNameTaken,
    "years_do_not_overlap": PeriodsOverlap,
    "periods_do_not_overlap": PeriodsOverlap,
    "used_year_stays": YearUsed,
    "books_stay": BooksInUse,
    "over_run_is_final": RunOver,
    "over_reopening_is_final": ReopeningOver,
    "over_series_is_final": SeriesOver,
    "reviewer_is_another": SodViolation,
    "waiver_is_anothers": SodViolation,
    "critical_is_never_waived": NotWaivable,
    "digest_is_of_evidence": EvidenceAltered,
    "evidence_is_retained": EvidenceRetained,
    "certificates_are_a_chain": ChainBroken,
    "over_command_is_final": WrongCommandState,
    "over_saga_is_final": WrongProcessState,
}
_WITH_FACTS: dict[str, type[Refusal]] = {
    "quota_is_kept": QuotaExceeded,
    "periods_are_contiguous": PeriodsApart,
    "years_are_contiguous": YearsApart,
    "epochs_follow": StaleEpoch,
}
"""Their detail is a JSON object."""
_GONE = ("08", "53", "57P")  # connection exceptions, insufficient resources, shutdown: SQLSTATE classes
_UNTEXTUAL = {"22021", "22P05"}
_IN_THE_WAY = {"40001", "40P01"}  # serialization failure, deadlock


class DatabaseUnavailable(Unavailable):
    """The database does not answer; nothing was changed."""

    kind = "database-unavailable"


class Contended(Unavailable):
    """Others were in the way of this; nothing was changed, and it may be tried again."""

    kind = "contended"


class AuditUnavailable(Unavailable):
    """The audit trail cannot be written, so the change did not happen."""

    kind = "audit-unavailable"


def translated(error: BaseException) -> Refusal | None:
    """The refusal that `error` means, or None when it is a defect of ours."""
    if isinstance(error, OSError | TimeoutError | PoolTimeout):
        return DatabaseUnavailable()
    if not isinstance(error, DBAPIError):
        return None
    original = error.orig
    cause = getattr(original, "__cause__", None) or original
    state = str(getattr(cause, "sqlstate", "") or "")
    detail = getattr(cause, "detail", None)
    refused = _broken(getattr(cause, "constraint_name", None), detail) or posting_refusal(state, detail)
    if refused is not None:
        return refused
    if state in _IN_THE_WAY:
        return Contended()
    if state in _UNTEXTUAL:
        return Invalid([Fault("", "text holds a character that cannot be stored")])
    if "audit_event" in str(original):
        return AuditUnavailable()
    if isinstance(error, IntegrityError) and state == "23505":
        return AlreadyExists()
    if error.connection_invalidated or state.startswith(_GONE) or not state:
        return DatabaseUnavailable()
    return None


def _broken(constraint: str | None, detail: str | None) -> Refusal | None:
    if constraint in _WITH_FACTS:
        return _WITH_FACTS[constraint](**orjson.loads(detail or "{}"))
    return _BY_CONSTRAINT[constraint]() if constraint in _BY_CONSTRAINT else None
