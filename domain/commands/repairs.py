"""What another person must say yes to holds its command until they have answered."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.canonical import Json
from domain.commands.command import Key
from domain.commands.operations import RESOLVING, Act, Decision, Operation, Standing
from domain.commands.record import CommandRecord
from domain.errors import Conflict, Forbidden

ALWAYS = frozenset({Act.EDIT, Act.COMPLETE})
"""What is put to another person whatever it is about: it says what becomes of the command instead of its sender."""


class CommandHeld(Conflict):
    """A decision about this command waits for another person's yes; until then nothing else is decided."""

    kind = "command-held"


class RepairOver(Conflict):
    """This decision does not wait for anybody any more."""

    kind = "repair-over"


class NotYourDecision(Forbidden):
    """Only whoever asked for it takes it back; others may reject it."""

    kind = "not-your-decision"


@dataclass(frozen=True)
class Edit:
    """`patch` made of what was executed from `edited_from` on, an epoch, what is executed from `epoch` on: `payload`.

    `before` and `after` are the digests of the two.
    """

    operation: UUID
    key: Key
    epoch: int
    edited_from: int
    patch: Json
    before: str
    after: str
    payload: Json
    at: datetime


@dataclass(frozen=True)
class Repair:
    """A decision about the version `seen`; made, it is an operation under the same id. `why` it came to nothing."""

    id: UUID
    tenant: UUID
    key: Key
    decision: Decision
    requester: UUID
    digest: str
    seen: int
    approval: UUID
    asked_at: datetime
    standing: Standing = Standing.AWAITING_APPROVAL
    why: str = ""
    ended_at: datetime | None = None

    @property
    def over(self) -> bool:
        return self.standing is not Standing.AWAITING_APPROVAL

    @property
    def workflow_id(self) -> str:
        return workflow_id_of(self.tenant, self.id)

    def ended(self, standing: Standing, at: datetime, why: str = "") -> "Repair":
        return replace(self, standing=standing, why=why, ended_at=at)

    def as_operation(self, record: CommandRecord) -> Operation:
        """Until it is made, over its command as it stands."""
        said, cause = self.decision, record.error.fingerprint if record.error else None
        return Operation(
            self.id, self.key, said.act, self.requester, said.reason, self.digest, record.state, record.epoch,
            record.version, self.asked_at, cause, said.evidence, self.approval, self.standing, self.why,
        )  # fmt: skip


def workflow_id_of(tenant: UUID, operation: UUID) -> str:
    """An id of an operation is its asker's own: another tenant's may be the same."""
    return f"command-repair/{tenant}/{operation}"


def asks_another(act: Act, *, money: bool, chosen: bool) -> bool:
    """Whether the policy is asked at all; of what moves money about every end of it, once somebody has `chosen` one."""
    return act in ALWAYS or (act in RESOLVING and money and chosen)
