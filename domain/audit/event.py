"""An event is its canonical bytes: what is searched are copies, what is hashed is this."""

import hashlib
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.audit.actions import Action
from domain.canonical import Json, canonical_bytes


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"


@dataclass(frozen=True)
class Event:
    """Who did what to which resource, why, and in which course of things. Times are UTC; `before`/`after` are JSON."""

    id: UUID
    tenant: UUID
    occurred_at: datetime
    action: Action
    resource_type: str
    resource: str
    actor: UUID | None = None
    actor_type: str = "system"
    outcome: Outcome = Outcome.SUCCESS
    reason: str | None = None
    before: Json = None
    after: Json = None
    change: UUID | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    trace_id: str | None = None
    source_ip: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Every field by name; times as RFC 3339, ids and enums as strings."""
        return {name: _plain(getattr(self, name)) for name in _NAMES}


_NAMES = tuple(each.name for each in fields(Event))


def with_salt(event: Event, salt: bytes) -> bytes:
    """RFC 8785 bytes of the event and its 16-byte salt, which keeps a low-entropy event from being guessed."""
    return canonical_bytes({**event.to_json(), "salt": salt.hex()})


def leaf_of(canon: bytes) -> bytes:
    """The Merkle leaf: SHA-256 over 0x00 and the canonical bytes (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + canon).digest()


def _plain(value: Any) -> Json:
    if value is None or type(value) is str:
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID | StrEnum):
        return str(value)
    return value
