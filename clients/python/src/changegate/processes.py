"""A module starts a process of several commands in its own transaction: it is there when that commits, and only then.

For applications in the same PostgreSQL as Changegate: `pip install changegate[bus]` brings what this needs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import rfc8785
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Row
from sqlalchemy.orm import Session

from changegate.bus import payload_faults, refusals
from changegate.errors import Conflict, Invalid

if TYPE_CHECKING:  # whoever does not await has no need of greenlet, without which it does not import
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_SCHEMA: Final = text("SELECT CAST(bus.process_schema_v1(:type, :version) AS text) AS schema")
_START: Final = text(
    "SELECT * FROM bus.start_v1(CAST(:tenant AS uuid), CAST(:actor AS uuid), :process)"
).bindparams(bindparam("process", type_=JSONB))  # fmt: skip


@dataclass(frozen=True)
class Process:
    """`type` is "<domain>.<verb-noun>", `id` the starter's own name for it: started again it is the same process.

    `causation` names the command that it follows from, as "<domain>/<id>"; its commands have its `correlation`, and
    belong to its `change`.
    """

    type: str
    id: str
    data: Mapping[str, Any]
    schema_version: int = 1
    correlation: UUID | None = None
    causation: str | None = None
    change: UUID | None = None


@dataclass(frozen=True)
class Started:
    """What has become of a process; `replayed` when it was started before. `why` is for what it goes back."""

    correlation: UUID
    replayed: bool
    state: str
    why: str


def start_process(session: Session | Connection, process: Process, *, tenant: UUID, actor: UUID) -> Started:
    """In the transaction of `session`, which is never committed here; `actor` is the principal who starts it.

    Raises `Conflict` when its id was used before and says something else, and the transaction goes on. `Invalid` for
    data that its type does not take leaves it usable; any other refusal of the database ends it.
    """
    with refusals():
        _check(process, session.execute(_SCHEMA, _kind(process)))
        return _told(process, session.execute(_START, _asked(process, tenant, actor)))


async def start_process_async(
    session: "AsyncSession | AsyncConnection", process: Process, *, tenant: UUID, actor: UUID
) -> Started:
    """As `start_process`."""
    with refusals():
        _check(process, await session.execute(_SCHEMA, _kind(process)))
        return _told(process, await session.execute(_START, _asked(process, tenant, actor)))


def fingerprint(process: Process) -> str:
    """The digest of what it is started with (RFC 8785); the same content has the same."""
    content: dict[str, Any] = {"type": process.type, "schema_version": process.schema_version}
    content["data"] = dict(process.data)
    return "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def _kind(process: Process) -> dict[str, Any]:
    return {"type": process.type, "version": process.schema_version}


def _check(process: Process, rows: Iterable[Row[Any]]) -> None:
    """What has no schema is refused by the database, with whatever else is wrong with it."""
    (row,) = rows
    faults = payload_faults(row.schema, process.data, "/data") if row.schema is not None else []
    if faults:
        raise Invalid(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "The input is not valid.", {"faults": faults})


def _asked(process: Process, tenant: UUID, actor: UUID) -> dict[str, Any]:
    said = {
        **vars(process),
        "data": dict(process.data),
        "fingerprint": fingerprint(process),
        "correlation": str(process.correlation) if process.correlation else None,
        "change": str(process.change) if process.change else None,
    }
    return {"tenant": str(tenant), "actor": str(actor), "process": said}


def _told(process: Process, rows: Iterable[Row[Any]]) -> Started:
    (row,) = rows
    if row.differs is not None:
        said = "A process of this type was started under this id before, and it says something else."
        facts = {"process": f"{process.type}/{process.id}", "differs": row.differs, "state": row.state}
        raise Conflict(HTTPStatus.CONFLICT, "process-conflict", said, facts)
    return Started(row.correlation, row.replayed, row.state, row.why)
