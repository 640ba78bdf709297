"""A template is the tasks of a close, read as a whole, or refused with everything that is wrong with it."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.canonical import Json
from domain.closures.amounts import amount
from domain.closures.checks import CHECKS
from domain.closures.graph import cycle_of
from domain.closures.refusals import DependencyCycle, SodViolation
from domain.closures.tasks import TaskKind, TaskPlan
from domain.errors import Fault, Invalid
from domain.reading import Reading

_RUNNABLE = tuple(name for name in CHECKS if name != "tasks")
"""A task that waits for all tasks would wait for itself."""
CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
MOST_TASKS = 200
MOST_DAYS = 260
HERE = "somebody who is here, by handle or id"
_MOST_HOURS = Decimal(1000)
_MOST_NAME = 200
_MOST_INSTRUCTIONS = 4000
_FIELDS = {
    "key",
    "name",
    "kind",
    "owner",
    "reviewer",
    "after",
    "effort_hours",
    "due_offset_days",
    "check",
    "instructions",
    "needs_evidence",
}


@dataclass(frozen=True)
class Template:
    code: str
    version: int
    tasks: tuple[TaskPlan, ...]

    def to_json(self) -> Json:
        return {"code": self.code, "version": self.version, "tasks": [each.to_json() for each in self.tasks]}


def parse_template(raw: Any) -> Template:
    """Invalid with every fault; DependencyCycle naming the circle; SodViolation where somebody reviews themself."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a template is an object")])
    reading = Reading(raw, "", [])
    reading.known({"code", "version", "tasks"})
    code = _code(reading, "code")
    version = _whole(reading, "version", 1, 1, 2**31)
    tasks = _tasks(reading)
    if reading.faults:
        raise Invalid(reading.faults)
    _check_circle(tasks)
    reviewed = [each.key for each in tasks if each.reviewer == each.owner]
    if reviewed:
        raise SodViolation(tasks=reviewed, rule="who prepares does not review")
    return Template(code, version, tasks)


def _tasks(reading: Reading) -> tuple[TaskPlan, ...]:
    raw = reading.raw.get("tasks")
    if not isinstance(raw, list) or len(raw) > MOST_TASKS:
        reading.fault("tasks", f"a list of at most {MOST_TASKS} tasks")
        return ()
    wrong = [
        Fault(f"/tasks/{index}", "a task is an object") for index, each in enumerate(raw) if type(each) is not dict
    ]
    if wrong:
        reading.faults.extend(wrong)
        return ()
    found = [_task(Reading(each, f"/tasks/{index}", reading.faults)) for index, each in enumerate(raw)]
    keys = [each.key for each in found]
    for index, each in enumerate(found):
        if each.key and each.key in keys[:index]:
            reading.faults.append(Fault(f"/tasks/{index}/key", "a key that no other task has"))
        unknown = [place for place, key in enumerate(each.after) if key not in keys]
        reading.faults.extend(Fault(f"/tasks/{index}/after/{place}", "the key of a task") for place in unknown)
    return tuple(found)


def _task(reading: Reading) -> TaskPlan:
    reading.known(_FIELDS)
    kind = reading.choice("kind", TaskKind.MANUAL, TaskKind)
    return TaskPlan(
        key=_code(reading, "key"),
        name=_text(reading, "name", 1, _MOST_NAME),
        kind=kind,
        owner=_person(reading, "owner") or UUID(int=0),
        reviewer=None if reading.raw.get("reviewer") is None else _person(reading, "reviewer"),
        after=reading.texts("after", (), MOST_TASKS),
        effort_hours=_hours(reading),
        due_offset_days=_whole(reading, "due_offset_days", 0, 0, MOST_DAYS),
        check=_check_named(reading, kind),
        instructions=_text(reading, "instructions", 0, _MOST_INSTRUCTIONS),
        needs_evidence=reading.flag("needs_evidence"),
    )


def _check_circle(tasks: tuple[TaskPlan, ...]) -> None:
    circle = cycle_of({each.key: each.after for each in tasks})
    if not circle:
        return
    following = dict(zip(circle, (*circle[1:], circle[0]), strict=True))
    told = " -> ".join((*circle, circle[0]))
    faults = [
        Fault(f"/tasks/{index}/after/{each.after.index(following[each.key])}", f"no circle: {told}")
        for index, each in enumerate(tasks)
        if each.key in following
    ]
    raise DependencyCycle(faults, cycle=list(circle))


def _check_named(reading: Reading, kind: TaskKind) -> str | None:
    value = reading.raw.get("check")
    if kind is TaskKind.CHECK and (not isinstance(value, str) or value not in _RUNNABLE):
        reading.fault("check", "one of " + ", ".join(_RUNNABLE))
    elif kind is not TaskKind.CHECK and value is not None:
        reading.fault("check", "only where the kind is check")
    return value if isinstance(value, str) else None


def _hours(reading: Reading) -> Decimal:
    try:
        hours = amount(reading.raw.get("effort_hours", 1))
    except ValueError:
        hours = Decimal(0)
    if not 0 < hours <= _MOST_HOURS:
        reading.fault("effort_hours", f'hours of work up to {_MOST_HOURS}, as "1.5"')
        return Decimal(1)
    return hours


def _person(reading: Reading, name: str) -> UUID | None:
    try:
        return UUID(reading.raw.get(name))
    except (ValueError, TypeError, AttributeError):
        reading.fault(name, HERE)
        return None


def _code(reading: Reading, name: str) -> str:
    value = reading.raw.get(name)
    if isinstance(value, str) and CODE.fullmatch(value):
        return value
    reading.fault(name, "small letters, digits, dots, dashes and underscores")
    return ""


def _text(reading: Reading, name: str, least: int, most: int) -> str:
    value = reading.raw.get(name, "")
    if isinstance(value, str) and least <= len(value.strip()) <= most:
        return value
    reading.fault(name, f"a text of {least} to {most} characters")
    return ""


def _whole(reading: Reading, name: str, default: int, least: int, most: int) -> int:
    value = reading.raw.get(name, default)
    if type(value) is int and least <= value <= most:
        return value
    reading.fault(name, f"a whole number from {least} to {most}")
    return default
