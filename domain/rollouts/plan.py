"""A plan is the strategy of a rollout, its stages, and what happens at the end of every wait."""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.environments import Environment
from domain.rollouts.exposure import TOTAL_WEIGHT


class Strategy(StrEnum):
    DIRECT = "direct"
    CANARY = "canary"
    BLUE_GREEN = "blue-green"
    ROLLING = "rolling"


class CohortMode(StrEnum):
    SUBJECT = "subject"
    TENANT = "tenant"
    INSTANCE = "instance"


class OnConflict(StrEnum):
    QUEUE = "queue"
    REJECT = "reject"
    SUPERSEDE = "supersede"


class Takeover(StrEnum):
    ROLLBACK_FIRST = "rollback_first"
    TAKE_OVER = "take_over"


class RollbackScope(StrEnum):
    ALL = "all"
    FAILED_BATCH = "failed_batch"
    NONE = "none"


class DeadlineAction(StrEnum):
    ROLLBACK = "rollback"
    ADVANCE = "advance"
    HOLD = "hold"


@dataclass(frozen=True)
class Stage:
    """`weight` of 100000 see the new content for at least `min_soak` and, without a verdict, `max_soak`.

    What fails in a stage that is `analysis_only` is held for a person instead of being taken back.
    """

    weight: int
    min_soak: timedelta
    max_soak: timedelta
    manual: bool = False
    analysis_only: bool = False

    @property
    def percent(self) -> float:
        return self.weight / (TOTAL_WEIGHT / 100)

    def to_json(self) -> dict[str, Any]:
        dry = {"analysis_only": True} if self.analysis_only else {}
        return {
            "percent": self.percent,
            "min_soak_seconds": self.min_soak.total_seconds(),
            "max_soak_seconds": self.max_soak.total_seconds(),
            "manual": self.manual,
            **dry,
        }


EVERYBODY = Stage(TOTAL_WEIGHT, timedelta(0), timedelta(0))


@dataclass(frozen=True)
class Audience:
    """Whom the stages grow over; `include` come first and `exclude` last, both by the slugs of tenants."""

    mode: CohortMode = CohortMode.SUBJECT
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"mode": self.mode.value, "include": list(self.include), "exclude": list(self.exclude)}


@dataclass(frozen=True)
class Batches:
    """A rolling deployment goes tenant by tenant: `size` of them at once, or `percent` of all of them."""

    order_by: tuple[str, ...] = ("tier", "region")
    size: int | None = None
    percent: float | None = None
    pause: timedelta = timedelta(seconds=60)
    max_failed: int = 0
    rollback: RollbackScope = RollbackScope.ALL

    def to_json(self) -> dict[str, Any]:
        many = {"size": self.size} if self.size is not None else {"percent": self.percent}
        return {
            "order_by": list(self.order_by),
            **many,
            "pause_seconds": self.pause.total_seconds(),
            "max_failed": self.max_failed,
            "rollback": self.rollback.value,
        }


@dataclass(frozen=True)
class BlueGreen:
    """What must answer before the switch, whether a person switches, and how long the old content stays warm."""

    smoke: tuple[str, ...] = ()
    smoke_limit: timedelta = timedelta(minutes=10)
    smoke_retries: int = 2
    manual_switch: bool = False
    hold: timedelta = timedelta(hours=24)

    def to_json(self) -> dict[str, Any]:
        return {
            "smoke": list(self.smoke),
            "smoke_limit_seconds": self.smoke_limit.total_seconds(),
            "smoke_retries": self.smoke_retries,
            "manual_switch": self.manual_switch,
            "hold_seconds": self.hold.total_seconds(),
        }


@dataclass(frozen=True)
class Plan:
    """Stages in order, and the timings of every wait. All durations are real time of the workflow.

    What is approved before `apply_at` waits until then, and what could not start by `apply_by` does not start any more.
    `after` is the change that it was written over: it starts when that has succeeded. A field that a plan does not name
    means here what rollouts did before the field was there: a workflow that began then goes on as it began.
    """

    strategy: Strategy
    stages: tuple[Stage, ...]
    check_interval: timedelta = timedelta(seconds=60)
    initial_delay: timedelta = timedelta(seconds=120)
    bake: timedelta = timedelta(0)
    manual_deadline: timedelta = timedelta(hours=24)
    on_manual_deadline: DeadlineAction = DeadlineAction.ROLLBACK
    on_inconclusive: DeadlineAction = DeadlineAction.ROLLBACK
    hold_limit: timedelta = timedelta(hours=24)
    pause_limit: timedelta = timedelta(hours=24)
    blind_grace: timedelta = timedelta(minutes=15)
    blind_limit: timedelta = timedelta(hours=2)
    silent_limit: timedelta = timedelta(minutes=30)
    late_grace: timedelta = timedelta(seconds=30)
    apply_at: datetime | None = None
    audience: Audience = field(default_factory=Audience)
    batches: Batches | None = None
    blue_green: BlueGreen | None = None
    converge: float = 0.0
    converge_limit: timedelta = timedelta(minutes=5)
    blind_budget: timedelta = timedelta(hours=4)
    on_conflict: OnConflict = OnConflict.REJECT
    takeover: Takeover = Takeover.ROLLBACK_FIRST
    window: str | None = None
    apply_by: datetime | None = None
    after: UUID | None = None

    @property
    def gated(self) -> bool:
        """A canary cannot rise without gates; another strategy is watched where its change has some."""
        return self.strategy is Strategy.CANARY

    def stage(self, index: int) -> Stage:
        """The batches of a rolling deployment are alike: its last stage stands for all that follow."""
        return self.stages[min(index, len(self.stages) - 1)]

    def percent(self, index: int, batches: int | None = None) -> float:
        """How much is exposed in this stage; of a rolling deployment, as many of its batches as are done."""
        if self.strategy is Strategy.ROLLING and batches:
            return min(100.0, 100.0 * (index + 1) / batches)
        return self.stage(index).percent

    def to_json(self) -> dict[str, Any]:
        waits: dict[str, Any] = {f"{name}_seconds": getattr(self, name).total_seconds() for name in DURATIONS}
        choices = {name: getattr(self, name).value for name in CHOICES}
        own = {name: getattr(self, name).to_json() for name in ("batches", "blue_green") if getattr(self, name)}
        moments = {"apply_at": self.apply_at, "apply_by": self.apply_by}
        start: dict[str, Any] = {name: moment.isoformat() for name, moment in moments.items() if moment}
        if self.after is not None:
            start["after"] = str(self.after)
        window = {"window": self.window} if self.window else {}
        return {
            "strategy": self.strategy.value,
            "stages": [stage.to_json() for stage in self.stages],
            **waits,
            **choices,
            "audience": self.audience.to_json(),
            "converge": self.converge,
            **own,
            **start,
            **window,
        }


CHOICES: dict[str, type[StrEnum]] = {
    "on_manual_deadline": DeadlineAction,
    "on_inconclusive": DeadlineAction,
    "on_conflict": OnConflict,
    "takeover": Takeover,
}
DURATIONS = tuple(each.name for each in fields(Plan) if each.type is timedelta)

_MINUTE = timedelta(minutes=1)
_NONE = timedelta(0)
_SOAK = {  # least and most soak a stage, by environment
    Environment.DEV: (_NONE, _NONE),
    Environment.QA: (_NONE, _NONE),
    Environment.STAGING: (2 * _MINUTE, 10 * _MINUTE),
    Environment.PRODUCTION: (10 * _MINUTE, 60 * _MINUTE),
}
_BAKE = {  # after the last stage in production; a change at once has nobody left to compare with
    Strategy.CANARY: 30 * _MINUTE,
    Strategy.ROLLING: 30 * _MINUTE,
    Strategy.BLUE_GREEN: 15 * _MINUTE,
    Strategy.DIRECT: 10 * _MINUTE,
}
_STEPS = (10, 25, 50, 100)


def default_plan(environment: Environment, strategy: Strategy = Strategy.CANARY) -> Plan:
    """10, 25, 50, 100 percent; in production an inconclusive gate ends in rollback, elsewhere it advances."""
    least, most = _SOAK[environment]
    production = environment is Environment.PRODUCTION
    action = DeadlineAction.ROLLBACK if production else DeadlineAction.ADVANCE
    stages: tuple[Stage, ...] = (EVERYBODY,)
    if strategy is Strategy.CANARY:
        stages = tuple(Stage(percent * 1000, least, most) for percent in _STEPS)
    elif strategy is Strategy.ROLLING:
        stages = (Stage(TOTAL_WEIGHT, least, most),)
    return Plan(
        strategy,
        stages,
        bake=_BAKE[strategy] if production else _NONE,
        on_inconclusive=action,
        audience=Audience(CohortMode.TENANT if strategy is Strategy.ROLLING else CohortMode.SUBJECT),
        batches=Batches(percent=10.0) if strategy is Strategy.ROLLING else None,
        blue_green=BlueGreen() if strategy is Strategy.BLUE_GREEN else None,
        converge=0.95,
        on_conflict=OnConflict.QUEUE,
    )
