"""A module tells others what to do in its own transaction: the command is there when that commits, and only then.

For applications in the same PostgreSQL as Changegate: `pip install changegate[bus]` brings what this needs.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn
from uuid import UUID

import rfc8785
from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from changegate.errors import Conflict, Invalid, NotAllowed, NotFound, Refused
from changegate.guard import Spoken

if TYPE_CHECKING:  # whoever does not await has no need of greenlet, without which it does not import
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_SCHEMAS: Final = text(
    "SELECT type, schema_version, CAST(schema AS text) AS schema FROM bus.schemas_v1(:types)"
).bindparams(bindparam("types", type_=JSONB))
_SEND: Final = (
    text("SELECT * FROM bus.send_v3(CAST(:tenant AS uuid), CAST(:actor AS uuid), :commands)")
    .bindparams(bindparam("commands", type_=JSONB))
    .columns(result=JSONB)
)
_REFUSALS: Final[Mapping[str, tuple[type[Refused], HTTPStatus, str, str]]] = {
    "CB403": (NotAllowed, HTTPStatus.FORBIDDEN, "permission-missing", "Your roles in this tenant do not allow this."),
    "CB404": (NotFound, HTTPStatus.NOT_FOUND, "tenant-not-bound", "The tenant that asks is not the one that is bound."),
    "CB422": (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "The input is not valid."),
}
_LARGEST_PATTERN: Final = 1_000_000
_MOST_FAULTS: Final = 100


class OnUnique(StrEnum):
    """What becomes of a command whose unique key another has that is not over: none, that one, or this in its place."""

    REJECT = "reject"
    COALESCE = "coalesce"
    REPLACE = "replace"


@dataclass(frozen=True)
class Command:
    """`type` is "<domain>.<verb-noun>", `id` the sender's own name for it: sent again it is the same command.

    Of those that are due the one with the highest `priority`, 0 to 9, goes first; those of one `ordering_key` go one
    after the other. `causation` names the command that this one follows from, as "<domain>/<id>". One whose type posts
    says in whose books, `entity`, and on which day. `reply_to` is told when it is over: what `reply_by_command`,
    `reply_by_webhook` or `reply_by_signal` gives. Of one domain and `unique_key` one at a time is not over. What is
    `alone` has a workflow of its own, also where its type has none.
    """

    type: str
    id: str
    payload: Mapping[str, Any]
    schema_version: int = 1
    not_before: datetime | None = None
    expires_at: datetime | None = None
    priority: int = 5
    ordering_key: str | None = None
    max_attempts: int | None = None
    correlation: UUID | None = None
    causation: str | None = None
    change: UUID | None = None
    entity: str | None = None
    effective_date: date | None = None
    reply_to: Mapping[str, Any] | None = None
    unique_key: str | None = None
    on_unique: OnUnique = OnUnique.REJECT
    alone: bool = False


@dataclass(frozen=True)
class Sent:
    """What has become of a command; `replayed` when it was sent before, `purged` when only this is left of it.

    `coalesced` when it was not sent: then this is the one of that `id`, which has its unique key.
    """

    correlation: UUID
    replayed: bool
    state: str
    parked: str | None
    attempt: int
    result: Any
    id: str = ""
    coalesced: bool = False
    purged: bool = False


def reply_by_command(type: str, prefix: str, schema_version: int = 1) -> dict[str, Any]:  # noqa: A002 -- the command's
    """A command of this type, whose id begins with `prefix`."""
    return {"kind": "command", "type": type, "schema_version": schema_version, "prefix": prefix}


def reply_by_webhook(destination: str) -> dict[str, Any]:
    """A webhook among the tenant's destinations, by its name."""
    return {"kind": "webhook", "destination": destination}


def reply_by_signal(workflow: str, signal: str) -> dict[str, Any]:
    """A workflow whose id begins with "reply/<tenant>/"."""
    return {"kind": "workflow", "workflow": workflow, "signal": signal}


def send(session: Session | Connection, command: Command, *, tenant: UUID, actor: UUID) -> Sent:
    """In the transaction of `session`, which is never committed here; `actor` is the principal who sends.

    Raises `Conflict` when its id was sent before and said something else, or when another has its unique key, and the
    transaction goes on. `Invalid` for
    what no handler takes leaves it usable when it is about the payload; any other refusal of the database ends it.
    """
    return send_many(session, [command], tenant=tenant, actor=actor)[0]


def send_many(session: Session | Connection, commands: Sequence[Command], *, tenant: UUID, actor: UUID) -> list[Sent]:
    """As `send`, all of them or none."""
    with refusals():
        _check(commands, session.execute(_SCHEMAS, _types(commands)))
        return _told(commands, session.execute(_SEND, _asked(commands, tenant, actor)))


async def send_async(
    session: "AsyncSession | AsyncConnection", command: Command, *, tenant: UUID, actor: UUID
) -> Sent:  # fmt: skip
    """As `send`."""
    return (await send_many_async(session, [command], tenant=tenant, actor=actor))[0]


async def send_many_async(
    session: "AsyncSession | AsyncConnection", commands: Sequence[Command], *, tenant: UUID, actor: UUID
) -> list[Sent]:
    """As `send_many`."""
    with refusals():
        _check(commands, await session.execute(_SCHEMAS, _types(commands)))
        return _told(commands, await session.execute(_SEND, _asked(commands, tenant, actor)))


def fingerprint(command: Command) -> str:
    """The digest of everything that changes what happens (RFC 8785); the same content has the same."""
    content: dict[str, Any] = {
        "type": command.type,
        "schema_version": command.schema_version,
        "payload": dict(command.payload),
        "not_before": _written(command.not_before),
        "expires_at": _written(command.expires_at),
        "priority": command.priority,
        "ordering_key": command.ordering_key,
        "max_attempts": command.max_attempts,
    }
    content |= {name: said for name, said in {**_posting(command), **_answered(command)}.items() if said is not None}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()


@contextmanager
def refusals() -> Iterator[None]:
    """What the database says no to, in the words of this package."""
    try:
        yield
    except DBAPIError as error:
        spoken = Spoken.of(error)
        if spoken.sqlstate not in _REFUSALS:
            raise
        raised, status, kind, sentence = _REFUSALS[spoken.sqlstate]
        facts = dict(spoken.facts)
        if facts.pop("kind", kind) == "tenant-suspended":
            kind, sentence = "tenant-suspended", "This tenant is suspended: its people can read, and change nothing."
        raise raised(status, kind, sentence, facts) from error


def _types(commands: Iterable[Command]) -> dict[str, Any]:
    return {"types": [{"type": each.type, "schema_version": each.schema_version} for each in commands]}


def _check(commands: Sequence[Command], rows: Iterable[Row[Any]]) -> None:
    """What has no schema is refused by the database, with whatever else is wrong with it."""
    schemas = {(row.type, row.schema_version): row.schema for row in rows}
    faults = [
        fault
        for place, each in enumerate(commands)
        if (schema := schemas.get((each.type, each.schema_version))) is not None
        for fault in payload_faults(schema, each.payload, f"/commands/{place}/payload")
    ]
    if faults:
        raise Invalid(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "The input is not valid.", {"faults": faults[:_MOST_FAULTS]}
        )


def payload_faults(schema: str, payload: Mapping[str, Any], path: str) -> list[dict[str, str]]:
    """Each at its pointer below `path`, and never with the value that is wrong."""
    found = islice(_validator(schema).iter_errors(dict(payload)), _MOST_FAULTS)
    return [{"path": f"{path}{_pointer(error)}", "message": error.message} for error in found]


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    """No address is fetched, no pattern can hang, and no message repeats a value."""
    return Draft202012Validator(
        json.loads(schema), validate_formats=True, retriever=_refuse, mask="the value",
        pattern_options=RegexOptions(size_limit=_LARGEST_PATTERN),
    )  # fmt: skip


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside of this schema")


def _pointer(error: ValidationError) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
    return "".join(f"/{step}" for step in steps)


def _asked(commands: Iterable[Command], tenant: UUID, actor: UUID) -> dict[str, Any]:
    return {"tenant": str(tenant), "actor": str(actor), "commands": [_wish(each) for each in commands]}


def _wish(command: Command) -> dict[str, Any]:
    return {
        **vars(command),
        "payload": dict(command.payload),
        **_posting(command),
        **_answered(command),
        "fingerprint": fingerprint(command),
        "not_before": _written(command.not_before),
        "expires_at": _written(command.expires_at),
        "correlation": str(command.correlation) if command.correlation else None,
        "change": str(command.change) if command.change else None,
    }


def _posting(command: Command) -> dict[str, str | None]:
    on = command.effective_date
    return {"entity": command.entity, "effective_date": on.isoformat() if on else None}


def _answered(command: Command) -> dict[str, Any]:
    how = command.on_unique
    return {
        "reply_to": dict(command.reply_to) if command.reply_to is not None else None,
        "unique_key": command.unique_key,
        "on_unique": how.value if command.unique_key is not None or how is not OnUnique.REJECT else None,
    }


def _told(commands: Sequence[Command], rows: Iterable[Row[Any]]) -> list[Sent]:
    found = list(rows)
    for row in found:
        if row.taken is not None:
            raise _taken(commands[row.n], row)
        if row.differs is not None:
            command = commands[row.n]
            name = f"{command.type.partition('.')[0]}/{command.id}"
            facts = {"command": name, "at": f"/commands/{row.n}", "differs": row.differs, "state": row.state}
            facts |= {"purged": True} if row.purged else {}
            said = "A command with this id was sent before, and it says something else."
            raise Conflict(HTTPStatus.CONFLICT, "command-conflict", said, facts)
    return [
        Sent(
            row.correlation,
            row.replayed,
            row.state,
            row.parked,
            row.attempt,
            row.result,
            row.id,
            row.coalesced,
            row.purged,
        )
        for row in found
    ]


def _taken(command: Command, row: Row[Any]) -> Conflict:
    facts = {"command": row.taken, "at": f"/commands/{row.n}", "state": row.state, "unique_key": command.unique_key}
    said = "Another command that is not over has this unique key."
    return Conflict(HTTPStatus.CONFLICT, "unique-key-taken", said, facts)


def _written(at: datetime | None) -> str | None:
    if at is not None and at.tzinfo is None:
        raise ValueError("an instant has an offset")
    return at.astimezone(UTC).isoformat() if at else None
