"""A posting asks in its own transaction whether its period takes it, so it and the closing never pass each other.

For applications with a journal in the same PostgreSQL as Changegate: `pip install changegate[guard]` brings SQLAlchemy.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from changegate.errors import Conflict, Invalid, NotAllowed, NotFound, Refused

if TYPE_CHECKING:  # whoever does not await has no need of greenlet, without which it does not import
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

Operation = Literal["transaction", "adjustment", "closing", "reporting"]

_ASK: Final = text(
    """
    SELECT period_id, epoch,
           set_config('fiscal.actor', CAST(:actor AS text), true),
           set_config('fiscal.run_token', coalesce(CAST(:run_token AS text), ''), true)
      FROM fiscal.assert_postable_v1(
        CAST(:tenant AS uuid), CAST(:entity AS text), CAST(:scope AS text), CAST(:operation AS text), CAST(:on AS date),
        CAST(CAST(:actor AS text) AS uuid), CAST(CAST(:run_token AS text) AS uuid), CAST(:period AS int))
    """
)
_ACT: Final = text(
    "SELECT set_config('fiscal.actor', CAST(:actor AS text), true), "
    "set_config('fiscal.run_token', CAST(:run_token AS text), true)"
)
_SENTENCES: Final[Mapping[str, str]] = {
    "FP008": "No period has this day.",
    "FP009": "This entity has no books: nobody said by which calendar it posts.",
    "FP010": "This tenant has no such scope of postings.",
    "FP011": "A posting is a transaction, an adjustment, a closing entry or a report.",
    "FP012": "The tenant that asks is not the tenant whose books they are.",
    "FP013": "The gate has moved since.",
    "FP014": "A posting says whose books, which scope, what, on which day and by whom.",
}
"""The others are told with the name of their period."""
_REFUSALS: Final[Mapping[str, tuple[type[Refused], HTTPStatus, str]]] = {
    "FP001": (Conflict, HTTPStatus.CONFLICT, "period-closed"),
    "FP002": (Conflict, HTTPStatus.CONFLICT, "period-locked"),
    "FP003": (Conflict, HTTPStatus.CONFLICT, "period-pending"),
    "FP004": (Conflict, HTTPStatus.CONFLICT, "adjustments-only"),
    "FP005": (Conflict, HTTPStatus.CONFLICT, "not-adjustable"),
    "FP006": (NotAllowed, HTTPStatus.FORBIDDEN, "adjustment-forbidden"),
    "FP007": (Conflict, HTTPStatus.CONFLICT, "run-token-missing"),
    "FP008": (NotFound, HTTPStatus.NOT_FOUND, "no-period"),
    "FP009": (NotFound, HTTPStatus.NOT_FOUND, "books-missing"),
    "FP010": (NotFound, HTTPStatus.NOT_FOUND, "scope-missing"),
    "FP011": (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-operation"),
    "FP012": (NotFound, HTTPStatus.NOT_FOUND, "tenant-not-bound"),
    "FP013": (Conflict, HTTPStatus.CONFLICT, "stale-epoch"),
    "FP014": (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY, "posting-incomplete"),
}


class Posting(TypedDict):
    """What is to be posted: `on` is a date of the entity's clocks, `period` the number of an adjusting period."""

    tenant: UUID
    entity: str
    scope: str
    operation: Operation
    on: date
    actor: UUID
    run_token: NotRequired[UUID | None]
    period: NotRequired[int | None]


@dataclass(frozen=True)
class Postable:
    """The period that takes the posting, at the epoch of its gate: an entry keeps both."""

    period_id: UUID
    epoch: int


def assert_postable(session: Session | Connection, **posting: Unpack[Posting]) -> Postable:
    """Ask last, just before the entry is written, in its transaction: the period stays as it is until that ends.

    Raises `Conflict` (closed, locked, pending, soft-closed), `NotAllowed` (an adjustment without the right to it),
    `NotFound` (no period, books or scope) or `Invalid`, each with `kind` and `facts`. The transaction is over then,
    unless it asked within a savepoint. A serialization failure (SQLSTATE 40001, under REPEATABLE READ or SERIALIZABLE)
    is no refusal and passes through: run the whole transaction again.

    The backstop of the journal judges by the same actor and run token until the transaction ends.
    """
    with refusals():
        return _postable(session.execute(_ASK, _asked(posting)).one())


async def assert_postable_async(session: "AsyncSession | AsyncConnection", **posting: Unpack[Posting]) -> Postable:
    """As `assert_postable`."""
    with refusals():
        return _postable((await session.execute(_ASK, _asked(posting))).one())


def acting(actor: UUID, run_token: UUID | None = None) -> TextClause:
    """The statement that says to the backstop, until the transaction ends, who writes to the journal."""
    return _ACT.bindparams(actor=str(actor), run_token=str(run_token or ""))


@contextmanager
def refusals() -> Iterator[None]:
    """Around statements that write to a journal: what its backstop refuses is raised as `assert_postable` does it."""
    try:
        yield
    except DBAPIError as error:
        told = refusal(error)
        if told is None:
            raise
        raise told from error


def refusal(error: DBAPIError) -> Refused | None:
    """What the posting guard said, or None when it was not the guard that spoke."""
    spoken = Spoken.of(error)
    if spoken.sqlstate not in _REFUSALS:
        return None
    raised, status, kind = _REFUSALS[spoken.sqlstate]
    return raised(status, kind, _SENTENCES.get(spoken.sqlstate, spoken.message), spoken.facts)


@dataclass(frozen=True)
class Spoken:
    sqlstate: str
    message: str
    detail: str

    @classmethod
    def of(cls, error: DBAPIError) -> "Spoken":
        """Psycopg says it in `diag`, asyncpg by an error of its own behind the one that SQLAlchemy raises."""
        original: Any = error.orig
        diag = getattr(original, "diag", None)
        if diag is not None:
            return cls(str(diag.sqlstate), str(diag.message_primary), str(diag.message_detail or ""))
        cause: Any = getattr(original, "__cause__", None) or original
        said = (getattr(cause, name, None) for name in ("sqlstate", "message", "detail"))
        return cls(*(str(each or "") for each in said))

    @property
    def facts(self) -> dict[str, Any]:
        try:
            found = json.loads(self.detail or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def _asked(posting: Posting) -> dict[str, Any]:
    run_token = posting.get("run_token")
    return {
        **posting,
        "actor": str(posting["actor"]),
        "run_token": str(run_token) if run_token else None,
        "period": posting.get("period"),
    }


def _postable(row: Row[Any]) -> Postable:
    return Postable(row.period_id, row.epoch)
