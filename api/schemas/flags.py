"""Flags and evaluations on the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Key, Object, Out, Reason, Variant
from application.flags import PublishedFlag
from application.killing import Killed
from application.ports.records import StoredFlag
from domain.canonical import Json
from domain.environments import Environment
from domain.flags import CODE_DEFAULT, Evaluation


class FlagIn(In):
    environment: Environment
    key: Key
    definition: Object
    reason: Reason


class FlagChangeIn(In):
    definition: Object
    reason: Reason


class KillIn(In):
    reason: Reason
    variant: Variant | None = None


class ContextIn(In):
    context: Object = Field(default_factory=dict)


class FlagOut(Out):
    environment: Environment
    key: str
    version: int
    definition: Object
    origin: str
    written_by: UUID | None
    written_at: datetime

    @classmethod
    def of(cls, flag: StoredFlag) -> "FlagOut":
        return cls(
            environment=flag.environment, key=flag.key, version=flag.version, definition=flag.definition,
            origin=flag.origin, written_by=flag.written_by, written_at=flag.written_at,
        )  # fmt: skip


class PublishedOut(Out):
    """A flag in flagd's form, and the shared rules that it names, at a revision of its set."""

    environment: Environment
    key: str
    revision: int
    definition: Object
    evaluators: Object

    @classmethod
    def of(cls, flag: PublishedFlag) -> "PublishedOut":
        return cls(
            environment=flag.environment, key=flag.key, revision=flag.revision, definition=flag.definition,
            evaluators=dict(flag.evaluators),
        )  # fmt: skip


class FlagPage(Out):
    items: list[FlagOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredFlag], str | None]) -> "FlagPage":
        return cls(items=[FlagOut.of(flag) for flag in page[0]], next_cursor=page[1])


class KilledOut(Out):
    flag: FlagOut
    review: UUID
    stopped_rollout: UUID | None

    @classmethod
    def of(cls, killed: Killed) -> "KilledOut":
        return cls(flag=FlagOut.of(killed.flag), review=killed.review, stopped_rollout=killed.stopped_rollout)


class EvaluationOut(Out):
    """`code_default`: the application falls back to the default in its own code, and `value` is null."""

    key: str
    value: Json
    code_default: bool
    variant: str | None
    reason: str
    error_code: str | None
    error_details: str | None
    metadata: Object
    revision: int

    @classmethod
    def of(cls, evaluation: Evaluation, revision: int) -> "EvaluationOut":
        absent = evaluation.value is CODE_DEFAULT
        return cls(
            key=evaluation.key, value=None if absent else evaluation.value, code_default=absent,
            variant=evaluation.variant, reason=evaluation.reason.value,
            error_code=evaluation.error_code.value if evaluation.error_code else None,
            error_details=evaluation.error_details, metadata=evaluation.metadata, revision=revision,
        )  # fmt: skip
