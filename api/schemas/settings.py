"""Settings on the wire: definitions, values at scopes, and answers that say why."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.changes import ReachOut
from api.schemas.common import LARGEST, In, Instant, Object, Out, Reason, Version
from api.schemas.rollouts import SubmittedOut
from application.ports.settings import StoredEntry
from application.settings.outcome import Outcome
from application.settings.reading import Effective
from application.settings.wishes import MOST_ITEMS, Affected, Order, Wish
from domain.environments import Environment
from domain.errors import Invalid
from domain.settings import UNSET, EntryState, Scope, TraceLine, TraceState, shown

SETTING_KEY = r"^[a-zA-Z][a-zA-Z0-9_.]{0,199}$"
ScopeText = Annotated[
    str,
    Field(max_length=2_200, examples=["company:de/site:berlin"],
          description="Steps kind:name joined by /; empty is the tenant itself."),
]  # fmt: skip
SettingKey = Annotated[str, Field(pattern=SETTING_KEY, examples=["billing.currency"])]


class ValueIn(In):
    """`value` null is an explicit null. Without `effective_at` it holds at once.

    `apply_at` makes it a change that waits until then and is checked again at that moment. What waits for that or for
    approval does not start after `apply_by`.
    """

    value: Any
    enforced: bool = False
    constraint: Object | None = None
    effective_at: Instant | None = None
    expires_at: Instant | None = None
    apply_at: Instant | None = None
    apply_by: Instant | None = None
    reason: Reason

    def wish(self, key: str, scope: Scope, expected: int) -> Wish:
        return Wish(
            key, scope, EntryState.SET, self.value, self.enforced, self.constraint, expected, self.effective_at,
            self.expires_at,
        )  # fmt: skip


class ItemIn(In):
    """One value of a batch: `value`, or `unset` to inherit again. `expected_version` 0 says that there is none yet."""

    key: SettingKey
    scope: ScopeText = ""
    value: Any = None
    unset: Literal[True] | None = None
    enforced: bool = False
    constraint: Object | None = None
    expected_version: Version | None = None
    effective_at: Instant | None = None
    expires_at: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "ItemIn":
        if (self.unset is True) == ("value" in self.model_fields_set):
            raise ValueError("expected a value, or unset, and not both")
        return self

    def wish(self) -> Wish:
        state = EntryState.UNSET if self.unset else EntryState.SET
        return Wish(
            self.key, Scope.parse(self.scope), state, self.value, self.enforced, self.constraint,
            self.expected_version, self.effective_at, self.expires_at,
        )  # fmt: skip


class BulkIn(In):
    """`apply_at` makes it a change that waits until then, and is checked again at that moment.

    What waits for that or for approval does not start after `apply_by`.
    """

    environment: Environment
    items: Annotated[list[ItemIn], Field(min_length=1, max_length=MOST_ITEMS)]
    apply_at: Instant | None = None
    apply_by: Instant | None = None
    reason: Reason
    dry_run: bool = False

    def order(self) -> Order:
        """Invalid with every scope that is none, each at its item."""
        wishes, faults = [], []
        for place, item in enumerate(self.items):
            try:
                wishes.append(item.wish())
            except Invalid as refusal:
                faults += [replace(fault, path=f"/items/{place}{fault.path}") for fault in refusal.faults]
        if faults:
            raise Invalid(faults)
        return Order(
            self.environment, tuple(wishes), self.reason, self.dry_run, apply_at=self.apply_at, apply_by=self.apply_by
        )  # fmt: skip


class EntryOut(Out):
    """One version at one scope; `until` equal to `since` was cancelled before it began."""

    environment: Environment
    key: str
    scope: str
    version: int
    state: EntryState
    value: Any
    enforced: bool
    constraint: Object | None
    since: datetime
    until: datetime | None
    origin: str
    change: UUID | None
    reason: str
    written_by: UUID | None
    written_at: datetime

    @classmethod
    def of(cls, stored: StoredEntry) -> "EntryOut":
        entry = stored.entry
        return cls(
            environment=stored.environment, key=stored.key, scope=stored.scope, version=entry.version,
            state=entry.state, value=shown(entry.value), enforced=entry.enforced,
            constraint=entry.constraint.to_json() if entry.constraint else None, since=entry.since, until=entry.until,
            origin=stored.origin, change=entry.change, reason=entry.reason, written_by=entry.written_by,
            written_at=entry.written_at,
        )  # fmt: skip


class EntryPage(Out):
    items: list[EntryOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredEntry], str | None]) -> "EntryPage":
        return cls(items=[EntryOut.of(each) for each in page[0]], next_cursor=page[1])


class AffectedOut(Out):
    key: str
    scope: str
    how: str
    by: str

    @classmethod
    def of(cls, affected: Affected) -> "AffectedOut":
        return cls(key=affected.key, scope=affected.scope, how=affected.how, by=affected.by)


class OutcomeOut(Out):
    """`affected` are narrower scopes whose own value counts no more, or not as written.

    `submitted` is the change that waits for approval: nothing is written before that is given. `reach` is how far it
    goes, where policy looks at that or a dry run asked; `levels` is how many levels of approval it needs.
    """

    entries: list[EntryOut]
    affected: list[AffectedOut]
    epoch: int
    submitted: SubmittedOut | None
    reach: ReachOut | None
    levels: int

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeOut":
        return cls(
            entries=[EntryOut.of(each) for each in outcome.entries],
            affected=[AffectedOut.of(each) for each in outcome.affected],
            epoch=outcome.epoch,
            submitted=SubmittedOut.of(outcome.submitted) if outcome.submitted else None,
            reach=ReachOut.of(outcome.reach) if outcome.reach else None,
            levels=outcome.levels,
        )


class StoredOut(Out):
    """What the scope itself says: `entries` hold or are planned, in order of time; `version` is the newest, 0 none."""

    entries: list[EntryOut]
    version: int


class EffectiveOut(Out):
    """`found` is false where nobody said anything and there is no default; `seconds` is the length of a duration."""

    key: str
    type: str
    value: Any
    found: bool
    seconds: float | None
    winner: str | None
    next_change: datetime | None
    epoch: int

    @classmethod
    def of(cls, effective: Effective) -> "EffectiveOut":
        resolution = effective.resolution
        return cls(
            key=effective.definition.key, type=effective.definition.type.value,
            value=shown(resolution.value) if resolution.found else None, found=resolution.found,
            seconds=resolution.seconds, winner=resolution.winner, next_change=resolution.next_change,
            epoch=effective.epoch,
        )  # fmt: skip


class EffectivePage(Out):
    items: list[EffectiveOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Effective], str | None]) -> "EffectivePage":
        return cls(items=[EffectiveOut.of(each) for each in page[0]], next_cursor=page[1])


class ChangesOut(Out):
    """Lines of `op` (added, removed, changed), `path`, and `before` and `after` as they apply."""

    changes: list[Object]


class RollbackIn(In):
    to_version: Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
    reason: Reason


class SecretOut(Out):
    key: str
    value: str


class LineOut(Out):
    """What one level says and how it counts; `default` is the definition's, an empty label the tenant itself."""

    level: str
    state: TraceState
    value: Any
    has_value: bool
    version: int | None
    since: datetime | None
    until: datetime | None
    written_by: UUID | None
    change: UUID | None
    reason: str | None

    @classmethod
    def of(cls, line: TraceLine) -> "LineOut":
        entry, has_value = line.entry, line.value is not UNSET
        return cls(
            level=line.label, state=line.state, value=shown(line.value) if has_value else None, has_value=has_value,
            version=entry.version if entry else None, since=entry.since if entry else None,
            until=entry.until if entry else None, written_by=entry.written_by if entry else None,
            change=entry.change if entry else None, reason=entry.reason if entry else None,
        )  # fmt: skip


class ExplainOut(Out):
    effective: EffectiveOut
    constraint: Object | None
    trace: list[LineOut]

    @classmethod
    def of(cls, effective: Effective) -> "ExplainOut":
        resolution = effective.resolution
        return cls(
            effective=EffectiveOut.of(effective),
            constraint=resolution.constraint.to_json() if resolution.constraint else None,
            trace=[LineOut.of(line) for line in resolution.trace],
        )
