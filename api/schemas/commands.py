"""Commands on the wire."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.common import In, Instant, Object, Out
from application.commands.sending import MOST, Sent
from domain.canonical import Json
from domain.commands import (
    Command,
    CommandError,
    CommandRecord,
    CommandState,
    CommandType,
    OnUnique,
    Options,
    ParkedKind,
    ReplyTo,
)
from domain.commands.command import FIRST, USUAL
from domain.commands.shape import (
    DESTINATION,
    DOMAIN,
    ID,
    LATEST_VERSION,
    MOST_ATTEMPTS,
    PREFIX,
    SIGNAL,
    TYPE,
    WAITING_WORKFLOW,
)

Type = Annotated[str, Field(pattern=f"^{TYPE}$", examples=["ledger.post-journal"])]
Id = Annotated[str, Field(pattern=f"^{ID}$", examples=["journal-42"])]
Cause = Annotated[str, Field(pattern=f"^{DOMAIN}/{ID}$", examples=["ledger/journal-41"])]
Version = Annotated[int, Field(strict=True, ge=1, le=LATEST_VERSION)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ReplyByCommandIn(In):
    """A command of that type, whose id is `prefix` and the name of the one that is over."""

    kind: Literal["command"]
    type: Type
    prefix: Annotated[str, Field(pattern=f"^{PREFIX}$", examples=["answer-"])]
    schema_version: Version = 1

    def wanted(self) -> ReplyTo:
        return ReplyTo.by_command(self.type, self.prefix, self.schema_version)


class ReplyByWebhookIn(In):
    """A webhook among the tenant's destinations, by its name."""

    kind: Literal["webhook"]
    destination: Annotated[str, Field(pattern=f"^{DESTINATION}$", examples=["crm"])]

    def wanted(self) -> ReplyTo:
        return ReplyTo.by_webhook(self.destination)


class ReplyBySignalIn(In):
    """A workflow whose id begins with "reply/<tenant>/"."""

    kind: Literal["workflow"]
    workflow: Annotated[str, Field(pattern=f"^{WAITING_WORKFLOW}$")]
    signal: Annotated[str, Field(pattern=f"^{SIGNAL}$", examples=["command_over"])]

    def wanted(self) -> ReplyTo:
        return ReplyTo.by_signal(self.workflow, self.signal)


ReplyIn = Annotated[ReplyByCommandIn | ReplyByWebhookIn | ReplyBySignalIn, Field(discriminator="kind")]


class CommandIn(In):
    """`id` is the sender's own: what is sent again under it is the same command, or a conflict.

    Commands of one `ordering_key` are executed one after the other. Of those that are due the one with the highest
    `priority` goes first, and each step of it is worth a minute of waiting. `causation` is the command it follows from.
    A command whose type posts says in whose books, `entity`, and on which day; no other does. `reply_to` is told when
    it is over. Where another of its domain has its `unique_key` and is not over, it is refused (`reject`), is that one
    (`coalesce`), or takes its place if nobody has begun it (`replace`). What is `alone` has a workflow of its own,
    also where its type has none.
    """

    type: Type
    id: Id
    payload: Object
    schema_version: Version = 1
    not_before: Instant | None = None
    expires_at: Instant | None = None
    priority: Annotated[int, Field(strict=True, ge=0, le=FIRST)] = USUAL
    ordering_key: Line | None = None
    max_attempts: Annotated[int, Field(strict=True, ge=1, le=MOST_ATTEMPTS)] | None = None
    correlation: UUID | None = None
    causation: Cause | None = None
    change: UUID | None = None
    entity: Line | None = None
    effective_date: date | None = None
    reply_to: ReplyIn | None = None
    unique_key: Line | None = None
    on_unique: OnUnique = OnUnique.REJECT
    alone: bool = False

    def command(self) -> Command:
        options = Options(
            self.not_before, self.expires_at, self.priority, self.ordering_key, self.max_attempts, self.correlation,
            self.causation, self.change, self.entity, self.effective_date,
            self.reply_to.wanted() if self.reply_to else None, self.unique_key, self.on_unique, self.alone,
        )  # fmt: skip
        return Command(self.type, self.id, self.payload, self.schema_version, options)


class CommandsIn(In):
    commands: Annotated[tuple[CommandIn, ...], Field(min_length=1, max_length=MOST)]


class CommandErrorOut(Out):
    """Errors of one `fingerprint` have one cause."""

    kind: str
    code: str
    message: str
    details: Json
    fingerprint: str | None

    @classmethod
    def of(cls, error: CommandError) -> "CommandErrorOut":
        return cls(**vars(error))


class CommandOut(Out):
    """`attempt` counts executions of this `epoch`, which people begin anew; `crashes` the workers that it lost.

    `payload` is what was sent; where it was edited, `edited_payload` is executed instead. `alone`: by a workflow of its
    own, as its sender asked or as was decided since. `dependency` is the receiver that it goes to, where its type tells
    receivers apart: a breaker has that name.
    """

    domain: str
    id: str
    type: str
    schema_version: int
    payload: Json
    edited_payload: Json
    fingerprint: str
    not_before: datetime | None
    expires_at: datetime | None
    priority: int
    ordering_key: str | None
    max_attempts: int | None
    correlation: UUID | None
    causation: str | None
    change: UUID | None
    entity: str | None
    effective_date: date | None
    reply_to: Json
    unique_key: str | None
    on_unique: OnUnique
    alone: bool
    sender: UUID | None
    sent_at: datetime
    due_at: datetime
    state: CommandState
    parked: ParkedKind | None
    epoch: int
    attempt: int
    crashes: int
    result: Json
    error: CommandErrorOut | None
    ended_at: datetime | None
    version: int
    batch: str | None
    dependency: str | None

    @classmethod
    def of(cls, record: CommandRecord) -> "CommandOut":
        command = record.command
        said = {
            **vars(record), **vars(command), **vars(command.options), "domain": command.domain,
            "error": CommandErrorOut.of(record.error) if record.error else None,
            "reply_to": None, **command.answered, "edited_payload": record.edited,
            "dependency": record.dependency or None,
        }  # fmt: skip
        return cls(**{name: said[name] for name in cls.model_fields})


class SentOut(Out):
    """`replayed`: it was sent before, and this is what has become of it.

    `coalesced`: it was not sent, and this is the one that has its unique key. `purged`: what became of it is all that
    is left; what it carried is what was given now.
    """

    command: CommandOut
    replayed: bool
    coalesced: bool
    purged: bool

    @classmethod
    def of(cls, sent: Sent) -> "SentOut":
        return cls(
            command=CommandOut.of(sent.record),
            replayed=sent.replayed,
            coalesced=sent.coalesced,
            purged=sent.record.purged,
        )


class ManySentOut(Out):
    """In the order in which they were given."""

    items: list[SentOut]

    @classmethod
    def of(cls, sent: list[Sent]) -> "ManySentOut":
        return cls(items=[SentOut.of(each) for each in sent])


class CommandPage(Out):
    items: list[CommandOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[CommandRecord], str | None]) -> "CommandPage":
        return cls(items=[CommandOut.of(each) for each in page[0]], next_cursor=page[1])


class CommandTypeOut(Out):
    """`json_schema` is that of the payload; `policy` says how often and how soon a command is tried."""

    type: str
    schema_version: int
    json_schema: Json
    policy: Json


class CommandTypesOut(Out):
    items: list[CommandTypeOut]

    @classmethod
    def of(cls, types: list[CommandType]) -> "CommandTypesOut":
        return cls(
            items=[
                CommandTypeOut(type=t.type, schema_version=t.schema_version, json_schema=t.schema, policy=t.policy)
                for t in types
            ]
        )
