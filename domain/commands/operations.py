"""What a person decides about a parked command: each decision is made once, with a reason, about what was seen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.commands.command import Key, name_of
from domain.commands.record import CommandRecord
from domain.commands.states import CommandState, ParkedKind
from domain.errors import Conflict, Fault

LEAST_REASON, MOST_REASON = 10, 2000
LONGEST_SNOOZE: Final = timedelta(days=90)


class Act(StrEnum):
    """Snoozed or assigned it stays parked; the others end that. An edit is a retry with another payload."""

    RETRY = "retry"
    CANCEL = "cancel"
    COMPLETE = "complete"
    SNOOZE = "snooze"
    ASSIGN = "assign"
    EDIT = "edit"


class Standing(StrEnum):
    """Where a decision stands: most are made at once, others wait for another person, and may come to nothing."""

    MADE = "made"
    AWAITING_APPROVAL = "awaiting-approval"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    VOID = "void"


RESOLVING: Final = frozenset({Act.RETRY, Act.CANCEL, Act.COMPLETE, Act.EDIT})


class OperationConflict(Conflict):
    """An operation with this id was made before, and it was another one."""

    kind = "operation-conflict"


@dataclass(frozen=True)
class Decision:
    """`result` and `evidence`, the digest of what proves it, belong to what is complete; `until` to a snooze.

    `person`, a handle, is who looks at it from now on; None takes it from whoever did. `patch` is that of an edit. A
    retry may say whether it is executed `alone` from now on, or not any more.
    """

    act: Act
    reason: str
    result: Json = None
    evidence: str | None = None
    until: datetime | None = None
    person: str | None = None
    patch: Json = None
    alone: bool | None = None

    def digest(self, actor: UUID, key: Key) -> str:
        """The same for the same decision of one person about one command."""
        return digest_of({**self.to_json(), "actor": str(actor), "command": name_of(key)})

    def to_json(self) -> dict[str, Json]:
        """A patch only where there is one, and whether it goes alone where that is said."""
        until = self.until.isoformat() if self.until else None
        said = {**vars(self), "act": self.act.value, "until": until}
        return {name: each for name, each in said.items() if each is not None or name not in {"patch", "alone"}}

    @classmethod
    def of(cls, raw: Json) -> "Decision":
        """From its own JSON."""
        until = datetime.fromisoformat(raw["until"]) if raw["until"] else None
        return cls(**{**raw, "act": Act(raw["act"]), "until": until})

    def faults(self, now: datetime) -> list[Fault]:
        wrong = []
        if not LEAST_REASON <= len(self.reason.strip()) <= MOST_REASON:
            wrong.append(Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why"))
        if self.until is not None and not now < self.until <= now + LONGEST_SNOOZE:
            wrong.append(Fault("/until", f"an instant within the next {LONGEST_SNOOZE.days} days"))
        return wrong


@dataclass(frozen=True)
class Operation:
    """A decision; `state`, `epoch` and `version` are those of its command when it had been made.

    While it waits, and when it came to nothing because of `why`, they are those of now. `approval` is whom it asks.
    """

    id: UUID
    key: Key
    act: Act
    actor: UUID
    reason: str
    digest: str
    state: CommandState
    epoch: int
    version: int
    at: datetime
    cause: str | None = None
    """The fingerprint of the error for which it was parked."""
    evidence: str | None = None
    approval: UUID | None = None
    standing: Standing = Standing.MADE
    why: str = ""


@dataclass(frozen=True)
class Parked:
    """A command that waits for a person, since `at`."""

    record: CommandRecord
    at: datetime
    assignee: UUID | None = None
    snoozed_until: datetime | None = None


@dataclass(frozen=True)
class Cause:
    """Everything that is parked with errors of one fingerprint, by the newest of them; `last` is how one was resolved.

    `owner` and `runbook` are those of its type.
    """

    fingerprint: str
    count: int
    first_at: datetime
    last_at: datetime
    type: str
    kind: ParkedKind
    code: str
    message: str
    owner: str | None = None
    runbook: str | None = None
    last: Operation | None = None
