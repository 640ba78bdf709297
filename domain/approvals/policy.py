"""A policy says how many levels a change needs, who may vote on each, and how long people have."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.people import Role
from domain.pointers import escaped

MOST_LEVELS = 3
MOST_QUORUM = 10
MOST_REMINDERS = 20


class TimeoutScope(StrEnum):
    REQUEST = "request"
    LEVEL = "level"


@dataclass(frozen=True)
class Level:
    """One level: a voter needs one of `roles` or stands in `people`; `quorum` approvals complete it."""

    roles: tuple[Role, ...] = (Role.APPROVER,)
    people: tuple[UUID, ...] = ()
    quorum: int = 1

    def to_json(self) -> dict[str, Any]:
        return {
            "roles": sorted(role.value for role in self.roles),
            "people": sorted(str(person) for person in self.people),
            "quorum": self.quorum,
        }


@dataclass(frozen=True)
class ApprovalPolicy:
    """`deadline` counts from submission (scope request) or from the opening of each level (scope level).

    `reminders` are offsets from the same instant. After the last approval the change must start within `validity`.
    """

    levels: tuple[Level, ...] = ()
    deadline: timedelta = timedelta(hours=72)
    scope: TimeoutScope = TimeoutScope.REQUEST
    reminders: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(hours=48), timedelta(hours=66))
    validity: timedelta = timedelta(hours=72)

    def to_json(self) -> dict[str, Any]:
        return {
            "levels": [level.to_json() for level in self.levels],
            "deadline_seconds": self.deadline.total_seconds(),
            "scope": self.scope.value,
            "reminders_seconds": [offset.total_seconds() for offset in self.reminders],
            "validity_seconds": self.validity.total_seconds(),
        }


_DEFAULT_LEVELS = {Environment.DEV: 0, Environment.QA: 0, Environment.STAGING: 1, Environment.PRODUCTION: 2}


def default_policy(environment: Environment) -> ApprovalPolicy:
    """Nobody in dev and qa, one level in staging, two in production."""
    return ApprovalPolicy(levels=(Level(),) * _DEFAULT_LEVELS[environment])


def parse_policy(raw: Any) -> ApprovalPolicy:
    """A policy from its JSON; Invalid names every fault."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a policy is an object")])
    unknown = sorted(set(raw) - set(ApprovalPolicy().to_json()))
    faults = [Fault(f"/{escaped(key)}", "unknown field") for key in unknown]
    levels = _levels(raw.get("levels", []), faults)
    deadline = _seconds(raw, "deadline_seconds", 72 * 3600, faults)
    validity = _seconds(raw, "validity_seconds", 72 * 3600, faults)
    reminders = _reminders(raw.get("reminders_seconds"), faults)
    scope = raw.get("scope", TimeoutScope.REQUEST)
    if not isinstance(scope, str) or scope not in set(TimeoutScope):
        faults.append(Fault("/scope", "request or level"))
    if faults:
        raise Invalid(faults)
    return ApprovalPolicy(levels, deadline, TimeoutScope(scope), reminders, validity)


def _levels(raw: Any, faults: list[Fault]) -> tuple[Level, ...]:
    if not isinstance(raw, list) or len(raw) > MOST_LEVELS:
        faults.append(Fault("/levels", f"a list of at most {MOST_LEVELS} levels"))
        return ()
    return tuple(_level(entry, f"/levels/{index}", faults) for index, entry in enumerate(raw))


def _level(raw: Any, path: str, faults: list[Fault]) -> Level:
    if not isinstance(raw, dict):
        faults.append(Fault(path, "a level is an object"))
        return Level()
    unknown = sorted(set(raw) - {"roles", "people", "quorum"})
    faults.extend(Fault(f"{path}/{escaped(key)}", "unknown field") for key in unknown)
    quorum = raw.get("quorum", 1)
    if not isinstance(quorum, int) or isinstance(quorum, bool) or not 1 <= quorum <= MOST_QUORUM:
        faults.append(Fault(f"{path}/quorum", f"a whole number from 1 to {MOST_QUORUM}"))
        quorum = 1
    roles = _each(raw.get("roles", [] if raw.get("people") else [Role.APPROVER]), Role, f"{path}/roles", faults)
    people = _each(raw.get("people", []), UUID, f"{path}/people", faults)
    if not roles and not people:
        faults.append(Fault(path, "at least one role or person who may vote"))
    return Level(tuple(roles), tuple(people), quorum)


def _each(raw: Any, kind: Any, path: str, faults: list[Fault]) -> list[Any]:
    if not isinstance(raw, list):
        faults.append(Fault(path, "a list"))
        return []
    good = []
    for index, entry in enumerate(raw):
        try:
            good.append(kind(entry))
        except (ValueError, AttributeError, TypeError):
            faults.append(Fault(f"{path}/{index}", f"not a {'role' if kind is Role else 'principal id'}"))
    return good


def _seconds(raw: dict[str, Any], key: str, default: float, faults: list[Fault]) -> timedelta:
    value = raw.get(key, default)
    if not _lasts(value):
        faults.append(Fault(f"/{key}", "seconds, more than 0 and at most 90 days"))
        value = default
    return timedelta(seconds=value)


def _lasts(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 90 * 86400


def _reminders(raw: Any, faults: list[Fault]) -> tuple[timedelta, ...]:
    if raw is None:
        return ApprovalPolicy.reminders
    numbers = raw if isinstance(raw, list) else None
    if numbers is None or len(numbers) > MOST_REMINDERS or not all(_lasts(n) for n in numbers):
        faults.append(Fault("/reminders_seconds", f"at most {MOST_REMINDERS} times, more than 0 and at most 90 days"))
        return ()
    return tuple(timedelta(seconds=n) for n in sorted(numbers))
