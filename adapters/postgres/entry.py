"""Whoever runs a command and is not let into PostgreSQL is told why in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from adapters.postgres.errors import DatabaseUnavailable

_AWAY = ("08", "53", "57P")
_REFUSED = ("28", "3D", "42501")
"""SQLSTATE: no connection, no room, shutting down; and no such login, no such database, no such right."""


@contextmanager
def entering(door: str) -> Iterator[None]:
    """SystemExit that names `door`, which is a setting or a data folder; other errors pass as they are.

    The reason is PostgreSQL's or the system's own, and neither repeats a password.
    """
    try:
        yield
    except (OSError, DBAPIError, DatabaseUnavailable) as error:
        reason = _reason(error.__cause__ if isinstance(error, DatabaseUnavailable) else error)
        if reason is None:
            raise
        raise SystemExit(f"{door}: PostgreSQL {reason.rstrip('.')}.") from None


def _reason(error: BaseException | None) -> str | None:
    if isinstance(error, OSError):
        return f"cannot be reached: {_first_line(error) or 'it did not answer in time'}"
    if not isinstance(error, DBAPIError):
        return None
    theirs = getattr(error.orig, "__cause__", None) or error.orig
    state = str(getattr(theirs, "sqlstate", None) or "08")  # none: it failed before PostgreSQL had a word
    if state.startswith(_AWAY):
        return f"cannot be reached: {_first_line(theirs)}"
    return f"does not let us in: {_first_line(theirs)}" if state.startswith(_REFUSED) else None


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).splitlines()), "")
