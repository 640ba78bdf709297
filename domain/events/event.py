"""An event says that something changed, where, by whom and from which instant on; it never says to what."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment


class EventType(StrEnum):
    SETTING_CHANGED = "SettingChanged"
    SETTING_DEFINED = "SettingDefined"
    CONFIGURATION_IMPORTED = "ConfigurationImported"
    FEATURE_FLAG_CREATED = "FeatureFlagCreated"
    FEATURE_FLAG_UPDATED = "FeatureFlagUpdated"
    FEATURE_FLAG_DISABLED = "FeatureFlagDisabled"
    DEPLOYMENT_MOVED = "DeploymentMoved"
    FISCAL_PERIOD_OPENED = "FiscalPeriodOpened"
    FISCAL_PERIOD_SOFT_CLOSED = "FiscalPeriodSoftClosed"
    FISCAL_PERIOD_FROZEN = "FiscalPeriodFrozen"
    FISCAL_PERIOD_CLOSED = "FiscalPeriodClosed"
    FISCAL_PERIOD_REOPENED = "FiscalPeriodReopened"
    FISCAL_PERIOD_LOCKED = "FiscalPeriodLocked"
    FISCAL_PERIOD_CLOSE_ABORTED = "FiscalPeriodCloseAborted"
    CLOSE_TASK_READY = "CloseTaskReady"
    MODULE_GATE_SET = "ModuleGateSet"
    WEBHOOK_TESTED = "WebhookTested"

    @property
    def of_flags(self) -> bool:
        return self in _OF_FLAGS

    @property
    def of_periods(self) -> bool:
        return self in _OF_PERIODS

    @property
    def of_settings(self) -> bool:
        return not (self.of_flags or self.of_periods or self is EventType.DEPLOYMENT_MOVED)


_OF_FLAGS: Final = frozenset(
    {EventType.FEATURE_FLAG_CREATED, EventType.FEATURE_FLAG_UPDATED, EventType.FEATURE_FLAG_DISABLED}
)
_OF_PERIODS: Final = frozenset(
    {
        EventType.FISCAL_PERIOD_OPENED,
        EventType.FISCAL_PERIOD_SOFT_CLOSED,
        EventType.FISCAL_PERIOD_FROZEN,
        EventType.FISCAL_PERIOD_CLOSED,
        EventType.FISCAL_PERIOD_REOPENED,
        EventType.FISCAL_PERIOD_LOCKED,
        EventType.FISCAL_PERIOD_CLOSE_ABORTED,
        EventType.CLOSE_TASK_READY,
        EventType.MODULE_GATE_SET,
    }
)


@dataclass(frozen=True)
class Subject:
    """What it happened to; an import has no key of its own, and only values have a scope."""

    key: str | None = None
    scope: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class Event:
    """`at` is when it takes effect, which may be planned; without an environment it is in all of them.

    `position` is where it stands among its tenant's events, and `epoch` how far its environment's settings or flags had
    come: both only once it is told. `facts` are those of a deployment's step.
    """

    id: UUID
    type: EventType
    tenant: UUID
    environment: Environment | None
    subject: Subject
    at: datetime
    actor: UUID | None = None
    change: UUID | None = None
    position: int | None = None
    epoch: int | None = None
    facts: Json = None

    def to_json(self) -> dict[str, Json]:
        """The envelope, as every way of telling it has it."""
        return {
            "id": str(self.id),
            "type": self.type.value,
            "tenant": str(self.tenant),
            "environment": self.environment.value if self.environment else None,
            "subject": {"key": self.subject.key, "scope": self.subject.scope, "version": self.subject.version},
            "at": self.at.isoformat(),
            "actor": str(self.actor) if self.actor else None,
            "change": str(self.change) if self.change else None,
            "epoch": self.epoch,
            "facts": self.facts,
        }

    def concerns(self, environment: Environment | None, prefix: str) -> bool:
        """What is in every environment concerns each, and what has no key may have touched any."""
        here = environment is None or self.environment in {None, environment}
        return here and (self.subject.key is None or self.subject.key.startswith(prefix))


def new_event_id(now: datetime) -> UUID:
    """Later ids are greater, to the millisecond (version 7, RFC 9562 section 5.7)."""
    stamp = int(now.timestamp() * 1000) & (1 << 48) - 1
    rest = secrets.randbits(74)
    return UUID(int=stamp << 80 | 7 << 76 | (rest >> 62) << 64 | 2 << 62 | rest & (1 << 62) - 1)
