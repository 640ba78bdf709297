"""Configs on the wire: a key of an environment with its value, version and tags."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Instant, Object, Out, Reason
from api.schemas.rollouts import SubmittedOut
from api.schemas.settings import AffectedOut, EntryOut, SettingKey
from application.configs.choosing import Choice
from application.configs.comparing import Beside
from application.configs.naming import ConfigName
from application.configs.promoting import Differing, Promoted, Promotion
from application.configs.shelf import Config
from application.configs.writing import NewConfig, Say
from application.settings.outcome import Outcome
from domain.environments import Environment
from domain.settings import Op, shown

CONFIG_ID = r"^[A-Za-z0-9_-]{1,300}$"
PREFIX = r"^[a-zA-Z0-9_.]{0,200}$"
Prefix = Annotated[str, Field(pattern=PREFIX, examples=["billing."])]
Tag = Annotated[str, Field(min_length=1, max_length=200, examples=["billing"])]


class ConfigIn(In):
    """`definition` says what the key means, where nothing is defined yet: `{"type": "string"}`, or more of it."""

    environment: Environment
    key: SettingKey
    value: Any
    definition: Object | None = None
    reason: Reason

    @property
    def name(self) -> ConfigName:
        return ConfigName(self.environment, self.key)

    def new(self) -> NewConfig:
        return NewConfig(self.name, self.value, self.definition, self.reason)


class ConfigValueIn(In):
    """`value` null is an explicit null. Without `effective_at` it holds at once."""

    value: Any
    effective_at: Instant | None = None
    expires_at: Instant | None = None
    reason: Reason

    def say(self, expected: int) -> Say:
        return Say(self.value, expected, self.reason, self.effective_at, self.expires_at)


class ConfigOut(Out):
    """`version` is that of the value in force; `latest_version`, which a write names, may be planned or cancelled."""

    id: str
    environment: Environment
    key: str
    type: str
    tags: list[str]
    description: str
    owner: str
    value: Any
    enforced: bool
    constraint: Object | None
    version: int
    latest_version: int
    since: datetime
    until: datetime | None
    change: UUID | None
    reason: str
    written_by: UUID | None
    written_at: datetime

    @classmethod
    def of(cls, config: Config) -> "ConfigOut":
        name, definition, entry = config.name, config.definition, config.stored.entry
        return cls(
            id=name.id, environment=name.environment, key=name.key, type=definition.type.value,
            tags=list(definition.tags), description=definition.description, owner=definition.owner,
            value=shown(entry.value), enforced=entry.enforced,
            constraint=entry.constraint.to_json() if entry.constraint else None, version=entry.version,
            latest_version=config.latest, since=entry.since, until=entry.until, change=entry.change,
            reason=entry.reason, written_by=entry.written_by, written_at=entry.written_at,
        )  # fmt: skip


class ConfigPage(Out):
    items: list[ConfigOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Config], str | None]) -> "ConfigPage":
        return cls(items=[ConfigOut.of(each) for each in page[0]], next_cursor=page[1])


class ConfigOutcomeOut(Out):
    """What was written, or `submitted`: the change that waits for approval, before which nothing is written."""

    id: str
    entries: list[EntryOut]
    affected: list[AffectedOut]
    epoch: int
    submitted: SubmittedOut | None

    @classmethod
    def of(cls, name: ConfigName, outcome: Outcome) -> "ConfigOutcomeOut":
        return cls(
            id=name.id,
            entries=[EntryOut.of(each) for each in outcome.entries],
            affected=[AffectedOut.of(each) for each in outcome.affected],
            epoch=outcome.epoch,
            submitted=SubmittedOut.of(outcome.submitted) if outcome.submitted else None,
        )


class PromotionIn(In):
    """`from` one environment to the next towards production, or further with `skip`.

    At least one of `keys`, `prefix` and `tag`: all that are given must hold. With `prune` what only the target sets is
    taken back.
    """

    source: Annotated[Environment, Field(alias="from")]
    target: Annotated[Environment, Field(alias="to")]
    keys: Annotated[list[SettingKey], Field(min_length=1, max_length=1_000)] | None = None
    prefix: Prefix = ""
    tag: Tag | None = None
    reason: Reason
    dry_run: bool = False
    skip: bool = False
    prune: bool = False

    def promotion(self) -> Promotion:
        keys = None if self.keys is None else tuple(dict.fromkeys(self.keys))
        choice = Choice(self.prefix, self.tag, keys)
        return Promotion(self.source, self.target, choice, self.reason, self.dry_run, self.skip, self.prune)


class DifferingOut(Out):
    """`op` is what happens in the target, `changes` by JSON Pointer how; `kept` is what only the target sets."""

    key: str
    op: Op
    changes: list[Object]
    source_version: int
    target_version: int

    @classmethod
    def of(cls, each: Differing) -> "DifferingOut":
        return cls(
            key=each.key, op=each.op, changes=each.changes, source_version=each.source_version,
            target_version=each.target_version,
        )  # fmt: skip


class PromotedOut(Out):
    """`secrets` were meant and stay where they are; `equal` says the same already. `epoch` is the target's."""

    outcome: Literal["no_changes", "planned", "applied", "submitted"]
    differences: list[DifferingOut]
    secrets: list[str]
    equal: int
    affected: list[AffectedOut]
    epoch: int | None
    submitted: SubmittedOut | None

    @classmethod
    def of(cls, promoted: Promoted) -> "PromotedOut":
        done = promoted.done
        return cls(
            outcome=promoted.outcome,
            differences=[DifferingOut.of(each) for each in promoted.differences],
            secrets=list(promoted.secrets),
            equal=promoted.equal,
            affected=[AffectedOut.of(each) for each in done.affected] if done else [],
            epoch=done.epoch if done else None,
            submitted=SubmittedOut.of(done.submitted) if done and done.submitted else None,
        )


class BesideOut(Out):
    """`op` and `changes` make the right out of the left; a version is null where nothing is said."""

    key: str
    op: Op
    changes: list[Object]
    left_version: int | None
    right_version: int | None

    @classmethod
    def of(cls, beside: Beside) -> "BesideOut":
        return cls(
            key=beside.key, op=beside.op, changes=beside.changes, left_version=beside.left_version,
            right_version=beside.right_version,
        )  # fmt: skip


class BesidePage(Out):
    """What differs among the keys that were looked at: there may be few, or none, before the last page."""

    items: list[BesideOut]
    next_cursor: str | None

    @classmethod
    def of(cls, found: list[Beside], next_cursor: str | None) -> "BesidePage":
        return cls(items=[BesideOut.of(each) for each in found], next_cursor=next_cursor)
