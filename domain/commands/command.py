"""A command says what a module is to do; sent again under its id it is the same command, or it is refused."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.commands.replies import ReplyTo

Key: TypeAlias = tuple[str, str]
"""Domain and id: in one tenant they name one command."""
USUAL: Final = 5
"""The priority of what has none of its own."""
FIRST: Final = 9


class OnUnique(StrEnum):
    """What becomes of a command whose unique key another has that is not over: none, that one, or this in its place."""

    REJECT = "reject"
    COALESCE = "coalesce"
    REPLACE = "replace"


@dataclass(frozen=True)
class Options:
    """When and in which order it is executed, and what it belongs to.

    Commands of one `ordering_key` are executed one after the other. `causation` names the command that sent it, as
    "<domain>/<id>"; `correlation` is shared by all that came of one first cause. What posts says in whose books,
    `entity`, and on which day. `reply_to` is told when it is over. Of one domain and `unique_key` there is
    one at a time that is not over. What is `alone` is executed by a workflow of its own, also where its type is not.
    """

    not_before: datetime | None = None
    expires_at: datetime | None = None
    priority: int = USUAL
    ordering_key: str | None = None
    max_attempts: int | None = None
    correlation: UUID | None = None
    causation: str | None = None
    change: UUID | None = None
    entity: str | None = None
    effective_date: date | None = None
    reply_to: ReplyTo | None = None
    unique_key: str | None = None
    on_unique: OnUnique = OnUnique.REJECT
    alone: bool = False


@dataclass(frozen=True)
class Command:
    """`type` is "<domain>.<verb-noun>", `payload` an object of its schema in that version."""

    type: str
    id: str
    payload: Json
    schema_version: int = 1
    options: Options = field(default_factory=Options)

    @property
    def domain(self) -> str:
        return self.type.partition(".")[0]

    @property
    def key(self) -> Key:
        return self.domain, self.id

    @property
    def content(self) -> dict[str, Json]:
        """Everything that changes what happens; what it belongs to, and by whom it is executed, does not."""
        asked = self.options
        return {
            "type": self.type,
            "schema_version": self.schema_version,
            "payload": self.payload,
            "not_before": _written(asked.not_before),
            "expires_at": _written(asked.expires_at),
            "priority": asked.priority,
            "ordering_key": asked.ordering_key,
            "max_attempts": asked.max_attempts,
            **self.posting,
            **self.answered,
            **self.uniquely,
        }

    @property
    def posting(self) -> dict[str, Json]:
        """In whose books and when: nothing for what does not post."""
        asked = self.options
        when = asked.effective_date.isoformat() if asked.effective_date else None
        return {name: said for name, said in (("entity", asked.entity), ("effective_date", when)) if said is not None}

    @property
    def answered(self) -> dict[str, Json]:
        """Who is told: nothing for what nobody waits for."""
        wanted = self.options.reply_to
        return {"reply_to": wanted.to_json()} if wanted else {}

    @property
    def uniquely(self) -> dict[str, Json]:
        """What it does not share, and how: nothing for what shares no key with anything."""
        key = self.options.unique_key
        return {} if key is None else {"unique_key": key, "on_unique": self.options.on_unique.value}

    @property
    def unique(self) -> Key | None:
        """Domain and unique key."""
        key = self.options.unique_key
        return None if key is None else (self.domain, key)


@dataclass(frozen=True)
class CommandType:
    """What a handler takes: a JSON Schema of the payload, and how its commands are tried."""

    type: str
    schema_version: int
    schema: Json
    policy: Json = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return self.type.partition(".")[0]


def name_of(key: Key) -> str:
    return "/".join(key)


def fingerprint(command: Command) -> str:
    """The same for the same content, however its payload was written (RFC 8785)."""
    return digest_of(command.content)


def differing(before: Command, after: Command) -> list[str]:
    """The fields in which they say something else."""
    old, new = before.content, after.content
    return [name for name in {**old, **new} if digest_of(old.get(name)) != digest_of(new.get(name))]


def caused(command: Command, parent: Command) -> Command:
    """As the handler of `parent` sends it: what that belongs to, it belongs to as well."""
    given = replace(
        command.options,
        causation=name_of(parent.key),
        correlation=command.options.correlation or parent.options.correlation,
        change=command.options.change or parent.options.change,
    )
    return replace(command, options=given)


def _written(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
