"""What is not said in a plan is the default of its environment and strategy; every fault is named where it stands."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.reading import Reading
from domain.rollouts.exposure import TOTAL_WEIGHT
from domain.rollouts.plan import CHOICES, DURATIONS, OnConflict, Plan, Stage, Strategy, default_plan
from domain.rollouts.plan_rooms import audience, batches, blue_green

MOST_STAGES = 20
LONGEST = timedelta(days=90)
_OPTIONAL = {"after", "apply_at", "apply_by", "batches", "blue_green", "window"}
_BEFORE = {"converge": 0.0, "on_conflict": OnConflict.REJECT.value}
"""What a plan meant that was stored before it could say this."""


def stored_plan(raw: dict[str, Any], environment: Environment) -> Plan:
    """The plan that was parsed when it was submitted, whatever the defaults are today."""
    return parse_plan({**_BEFORE, **raw}, environment)


def parse_plan(raw: Any, environment: Environment, *, watched: bool = False) -> Plan:
    """A plan from JSON, with the defaults of its environment; Invalid names every fault.

    `watched`: the change has gates. A change at once that nothing watches has nothing to bake for.
    """
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a plan is an object")])
    faults: list[Fault] = []
    read = Reading(raw, "", faults)
    default = _default(read, environment, watched=watched)
    read.known({*default.to_json(), *_OPTIONAL})
    waits: dict[str, Any] = {name: read.seconds(name, getattr(default, name)) for name in DURATIONS}
    if waits["check_interval"] <= timedelta(0):
        faults.append(Fault("/check_interval_seconds", "more than 0"))
    if "initial_delay_seconds" not in raw:
        waits["initial_delay"] = min(2 * waits["check_interval"], LONGEST)
    plan = replace(
        default,
        stages=_stages(raw.get("stages"), default, faults),
        audience=audience(read, default),
        batches=batches(read, default),
        blue_green=blue_green(read, default),
        converge=read.share("converge", default.converge),
        window=read.name("window"),
        apply_at=_moment(read, "apply_at"),
        apply_by=_moment(read, "apply_by"),
        after=_change(read, "after"),
        **{name: read.choice(name, getattr(default, name), kind) for name, kind in CHOICES.items()},
        **waits,
    )
    if faults:
        raise Invalid(faults)
    return plan


def _default(read: Reading, environment: Environment, *, watched: bool) -> Plan:
    strategy = read.choice("strategy", Strategy.CANARY, Strategy)
    default = default_plan(environment, strategy)
    at_once = strategy is Strategy.DIRECT and not watched
    return replace(default, bake=timedelta(0)) if at_once else default


def _stages(raw: Any, default: Plan, faults: list[Fault]) -> tuple[Stage, ...]:
    if raw is None:
        return default.stages
    if default.strategy in {Strategy.DIRECT, Strategy.BLUE_GREEN}:
        if raw != [stage.to_json() for stage in default.stages]:
            faults.append(Fault("/stages", f"a {default.strategy.value} change has one stage of 100 percent"))
        return default.stages
    if isinstance(raw, dict):
        return _generated(Reading(raw, "/stages", faults), default)
    most = 1 if default.strategy is Strategy.ROLLING else MOST_STAGES
    if not isinstance(raw, list) or not 1 <= len(raw) <= most:
        faults.append(Fault("/stages", f"a list of 1 to {most} stages"))
        return default.stages
    stages = tuple(_stage(entry, f"/stages/{index}", default.stages[0], faults) for index, entry in enumerate(raw))
    for index, (before, after) in enumerate(pairwise(stages), start=1):
        if after.weight <= before.weight:
            faults.append(Fault(f"/stages/{index}/percent", "stages rise: more than the stage before"))
    if stages[-1].weight != TOTAL_WEIGHT:
        faults.append(Fault(f"/stages/{len(stages) - 1}/percent", "the last stage is 100 percent"))
    return stages


class Generator(StrEnum):
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


_TERM = {Generator.LINEAR: "step", Generator.EXPONENTIAL: "factor"}
_RISES: dict[Generator, Callable[[float, float], float]] = {
    Generator.LINEAR: lambda percent, step: percent + step,
    Generator.EXPONENTIAL: lambda percent, factor: percent * factor,
}
_TIMES = {"min_soak_seconds", "max_soak_seconds", "manual"}


def _generated(read: Reading, default: Plan) -> tuple[Stage, ...]:
    """first, first + step, ... or first, first * factor, ...; the last stage is always everybody."""
    kind = read.choice("generator", Generator.LINEAR, Generator, required=True)
    term = _TERM[kind]
    read.known({"generator", "first", term, *_TIMES})
    first = read.number("first", least=0.001, most=100)
    by = read.number(term, least=0.001 if kind is Generator.LINEAR else 1.01, most=100)
    if default.strategy is Strategy.ROLLING:
        read.fault("", "batches are no percentages: batches.size or batches.percent")
        return default.stages
    times = {name: read.raw[name] for name in _TIMES if name in read.raw}
    model = _stage({"percent": 100, **times}, read.path, default.stages[0], read.faults)
    if first is None or by is None:
        return default.stages
    percents = [first]
    while len(percents) <= MOST_STAGES and _RISES[kind](percents[-1], by) < 100:  # noqa: PLR2004 -- per cent
        percents.append(_RISES[kind](percents[-1], by))
    if percents[-1] < 100:  # noqa: PLR2004 -- per cent
        percents.append(100)
    if len(percents) > MOST_STAGES:
        read.fault("", f"at most {MOST_STAGES} stages")
    return tuple(replace(model, weight=weight) for weight in dict.fromkeys(_weight(percent) for percent in percents))


def _stage(raw: Any, path: str, default: Stage, faults: list[Fault]) -> Stage:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = {"percent": raw}
    if not isinstance(raw, dict):
        faults.append(Fault(path, "a percentage, or an object with percent"))
        return default
    read = Reading(raw, path, faults)
    read.known({"percent", "analysis_only", *_TIMES})
    percent = raw.get("percent")
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent <= 100:  # noqa: PLR2004 -- per cent
        faults.append(Fault(f"{path}/percent", "a number more than 0 and at most 100"))
        percent = 100.0
    least = read.seconds("min_soak", default.min_soak)
    most = read.seconds("max_soak", max(least, default.max_soak))
    if most < least:
        faults.append(Fault(f"{path}/max_soak_seconds", "at least min_soak_seconds"))
    return Stage(_weight(percent), least, most, read.flag("manual"), read.flag("analysis_only"))


def _weight(percent: float) -> int:
    return max(1, round(percent * TOTAL_WEIGHT / 100))


def _moment(read: Reading, name: str) -> datetime | None:
    value = read.raw.get(name)
    if value is None:
        return None
    with suppress(TypeError, ValueError, OverflowError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    read.fault(name, "an instant with an offset, like 2026-01-31T12:00:00Z")
    return None


def _change(read: Reading, name: str) -> UUID | None:
    value = read.raw.get(name)
    if value is None:
        return None
    with suppress(AttributeError, TypeError, ValueError):
        return UUID(value)
    read.fault(name, "the id of a change")
    return None
