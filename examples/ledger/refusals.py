"""What the ledger itself refuses, and its tables with it, whoever writes to them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from changegate.guard import refusals as refusals_of_the_guard
from sqlalchemy.exc import DBAPIError


class LedgerRefusal(Exception):
    """The ledger does not take this."""

    sqlstate: ClassVar[str] = ""

    def __init__(self, **facts: Any) -> None:
        super().__init__((type(self).__doc__ or "").strip())
        self.facts = facts


class PostedStays(LedgerRefusal):
    """A posted entry stays as it is; reverse it."""

    sqlstate = "LG001"


class LineStays(LedgerRefusal):
    """A line is not rewritten: it goes, and another comes."""

    sqlstate = "LG002"


class NoLines(LedgerRefusal):
    """An entry without lines is not posted."""

    sqlstate = "LG003"


class Unbalanced(LedgerRefusal):
    """Debit and credit of an entry are the same in every currency."""

    sqlstate = "LG004"


class StrangeCurrency(LedgerRefusal):
    """An account takes only its own currency."""

    sqlstate = "LG005"


class NoRetainedEarnings(LedgerRefusal):
    """The entity has no account of retained earnings."""

    sqlstate = "LG006"


class EntryMissing(LedgerRefusal):
    """There is no such entry in these books."""


class AlreadyReversed(LedgerRefusal):
    """An entry is reversed once."""


class NotPosted(LedgerRefusal):
    """A draft is changed, not reversed."""


class TrialBalanceInvalid(LedgerRefusal):
    """This is no trial balance."""


_BY_SQLSTATE: Final[Mapping[str, type[LedgerRefusal]]] = {
    each.sqlstate: each for each in (PostedStays, LineStays, NoLines, Unbalanced, StrangeCurrency, NoRetainedEarnings)
}


@contextmanager
def refusals() -> Iterator[None]:
    """Around statements: what the posting guard or the ledger's own rules refuse is raised in their words."""
    try:
        with refusals_of_the_guard():
            yield
    except DBAPIError as error:
        cause: Any = getattr(error.orig, "__cause__", None) or error.orig
        told = _BY_SQLSTATE.get(str(getattr(cause, "sqlstate", "")))
        if told is None:
            raise
        raise told(**json.loads(cause.detail or "{}")) from error
