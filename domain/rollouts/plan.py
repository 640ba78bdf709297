"""A plan is the stages of a rollout and what happens at the end of every wait."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.pointers import escaped
from domain.rollouts.exposure import TOTAL_WEIGHT

MOST_STAGES = 20


class Strategy(StrEnum):
    DIRECT = "direct"
    CANARY = "canary"


class DeadlineAction(StrEnum):
    ROLLBACK = "rollback"
    ADVANCE = "advance"
    HOLD = "hold"


@dataclass(frozen=True)
class Stage:
    """`weight` of 100000 subjects see the new content for at least `min_soak` and, without a verdict, `max_soak`."""

    weight: int
    min_soak: timedelta
    max_soak: timedelta
    manual: bool = False

    @property
    def percent(self) -> float:
        return self.weight / (TOTAL_WEIGHT / 100)


@dataclass(frozen=True)
class Plan:
    """Stages in order, and the timings of every wait. All durations are real time of the workflow.

    What is approved before `apply_at` waits until then.
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

    @property
    def gated(self) -> bool:
        return self.strategy is Strategy.CANARY

    def to_json(self) -> dict[str, Any]:
        stages = [
            {
                "percent": stage.percent,
                "min_soak_seconds": stage.min_soak.total_seconds(),
                "max_soak_seconds": stage.max_soak.total_seconds(),
                "manual": stage.manual,
            }
            for stage in self.stages
        ]
        waits: dict[str, Any] = {f"{name}_seconds": getattr(self, name).total_seconds() for name in _DURATIONS}
        actions = {name: getattr(self, name).value for name in _ACTIONS}
        moment = {"apply_at": self.apply_at.isoformat()} if self.apply_at else {}
        return {"strategy": self.strategy.value, "stages": stages, **waits, **actions, **moment}


_ACTIONS = ("on_manual_deadline", "on_inconclusive")
_DURATIONS = tuple(f.name for f in fields(Plan) if f.name not in {"strategy", "stages", "apply_at", *_ACTIONS})

_SOAK = {  # least and most soak a stage, and bake after the last, by environment
    Environment.DEV: (timedelta(0), timedelta(0), timedelta(0)),
    Environment.QA: (timedelta(0), timedelta(0), timedelta(0)),
    Environment.STAGING: (timedelta(minutes=2), timedelta(minutes=10), timedelta(0)),
    Environment.PRODUCTION: (timedelta(minutes=10), timedelta(minutes=60), timedelta(minutes=30)),
}


def default_plan(environment: Environment) -> Plan:
    """10, 25, 50, 100 percent; in production an inconclusive gate ends in rollback, elsewhere it advances."""
    least, most, bake = _SOAK[environment]
    stages = tuple(Stage(percent * 1000, least, most) for percent in (10, 25, 50, 100))
    action = DeadlineAction.ROLLBACK if environment is Environment.PRODUCTION else DeadlineAction.ADVANCE
    return Plan(Strategy.CANARY, stages, bake=bake, on_inconclusive=action)


def parse_plan(raw: Any, environment: Environment) -> Plan:
    """A plan from JSON, with the defaults of its environment; Invalid names every fault."""
    default = default_plan(environment)
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a plan is an object")])
    faults = [Fault(f"/{escaped(key)}", "unknown field") for key in sorted(set(raw) - {*default.to_json(), "apply_at"})]
    strategy = _choice(raw, "strategy", Strategy.CANARY, Strategy, faults)
    waits: dict[str, Any] = {
        name: _seconds(raw.get(f"{name}_seconds"), getattr(default, name), f"/{name}_seconds", faults)
        for name in _DURATIONS
    }
    if waits["check_interval"] <= timedelta(0):
        faults.append(Fault("/check_interval_seconds", "more than 0"))
    actions = {name: _choice(raw, name, getattr(default, name), DeadlineAction, faults) for name in _ACTIONS}
    stages = _stages(raw.get("stages"), strategy, default, faults)
    apply_at = _moment(raw.get("apply_at"), "/apply_at", faults)
    if faults:
        raise Invalid(faults)
    if strategy is Strategy.DIRECT and "bake_seconds" not in raw:
        waits["bake"] = timedelta(0)
    return Plan(
        strategy,
        stages,
        on_manual_deadline=actions["on_manual_deadline"],
        on_inconclusive=actions["on_inconclusive"],
        apply_at=apply_at,
        **waits,
    )


def _stages(raw: Any, strategy: Strategy, default: Plan, faults: list[Fault]) -> tuple[Stage, ...]:
    if strategy is Strategy.DIRECT:
        if raw is not None and raw != [_ALL]:
            faults.append(Fault("/stages", "a direct change has one stage of 100 percent"))
        return (Stage(TOTAL_WEIGHT, timedelta(0), timedelta(0)),)
    if raw is None:
        return default.stages
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_STAGES:
        faults.append(Fault("/stages", f"a list of 1 to {MOST_STAGES} stages"))
        return ()
    stages = tuple(_stage(entry, f"/stages/{index}", default.stages[0], faults) for index, entry in enumerate(raw))
    faults.extend(_order_faults(stages))
    return stages


_ALL = {"percent": 100.0, "min_soak_seconds": 0.0, "max_soak_seconds": 0.0, "manual": False}


def _order_faults(stages: tuple[Stage, ...]) -> Iterable[Fault]:
    for index, (before, after) in enumerate(pairwise(stages), start=1):
        if after.weight <= before.weight:
            yield Fault(f"/stages/{index}/percent", "stages rise: more than the stage before")
    if stages[-1].weight != TOTAL_WEIGHT:
        yield Fault(f"/stages/{len(stages) - 1}/percent", "the last stage is 100 percent")


def _stage(raw: Any, path: str, default: Stage, faults: list[Fault]) -> Stage:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = {"percent": raw}
    if not isinstance(raw, dict):
        faults.append(Fault(path, "a percentage, or an object with percent"))
        return default
    known = {"percent", "min_soak_seconds", "max_soak_seconds", "manual"}
    faults.extend(Fault(f"{path}/{escaped(key)}", "unknown field") for key in sorted(set(raw) - known))
    percent = raw.get("percent")
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent <= 100:  # noqa: PLR2004 -- per cent
        faults.append(Fault(f"{path}/percent", "a number more than 0 and at most 100"))
        percent = 100.0
    least = _seconds(raw.get("min_soak_seconds"), default.min_soak, f"{path}/min_soak_seconds", faults)
    most = _seconds(raw.get("max_soak_seconds"), max(least, default.max_soak), f"{path}/max_soak_seconds", faults)
    if most < least:
        faults.append(Fault(f"{path}/max_soak_seconds", "at least min_soak_seconds"))
    manual = raw.get("manual", False)
    if not isinstance(manual, bool):
        faults.append(Fault(f"{path}/manual", "true or false"))
        manual = False
    return Stage(max(1, round(percent * TOTAL_WEIGHT / 100)), least, most, manual)


def _seconds(value: Any, default: timedelta, path: str, faults: list[Fault]) -> timedelta:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 90 * 86400:
        faults.append(Fault(path, "seconds, from 0 to 90 days"))
        return default
    return timedelta(seconds=value)


def _moment(value: Any, path: str, faults: list[Fault]) -> datetime | None:
    if value is None:
        return None
    with suppress(TypeError, ValueError, OverflowError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    faults.append(Fault(path, "an instant with an offset, like 2026-01-31T12:00:00Z"))
    return None


def _choice(raw: dict[str, Any], key: str, default: Any, kind: type[StrEnum], faults: list[Fault]) -> Any:
    value = raw.get(key, default)
    if not isinstance(value, str) or value not in set(kind):
        faults.append(Fault(f"/{key}", "one of " + ", ".join(kind)))
        return default
    return kind(value)
