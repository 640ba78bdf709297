"""A policy says how many levels a change needs, who may vote on each, and how long people have."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.approvals.calendar import Calendar, parsed_calendar, window_named
from domain.approvals.levels import Level, parsed_levels
from domain.approvals.rules import PolicyRule, When, parsed_rules, strictness
from domain.changes.change_set import Kind
from domain.changes.reach import Reach
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.people import Permission
from domain.pointers import escaped

MOST_REMINDERS = 20


class TimeoutScope(StrEnum):
    REQUEST = "request"
    LEVEL = "level"


class Newer(StrEnum):
    """What a newer change of the same target does to an older one that still waits for approval."""

    KEEP = "keep"
    WITHDRAW_OLDER = "withdraw_older"


@dataclass(frozen=True)
class ApprovalPolicy:
    """`deadline` counts from submission (scope request) or from the opening of each level (scope level).

    `reminders` are offsets from the same instant. After the last approval the change must start within `validity`.
    `rules` ask more people than `levels` where a change is what they describe. With a `calendar` only its hours
    count; a `window` names the change window whose hours they are when a change is submitted. `governs_itself`: the
    policy is changed by the yes of those whom it asks; None leaves that to its place.
    """

    levels: tuple[Level, ...] = ()
    deadline: timedelta = timedelta(hours=72)
    scope: TimeoutScope = TimeoutScope.REQUEST
    reminders: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(hours=48), timedelta(hours=66))
    validity: timedelta = timedelta(hours=72)
    rules: tuple[PolicyRule, ...] = ()
    calendar: Calendar | None = None
    newer: Newer = Newer.KEEP
    governs_itself: bool | None = None
    window: str | None = None

    @property
    def asks(self) -> bool:
        """Whether there is any change for which somebody is asked."""
        return bool(self.levels or self.rules)

    def after(self, origin: datetime, span: timedelta) -> datetime:
        """When `span` has passed since `origin`, as this policy counts time."""
        return origin + span if self.calendar is None else self.calendar.after(origin, span)

    def decided(self, reach: Reach) -> "ApprovalPolicy":
        """What it asks for this change: the strictest of its levels and of the rules that describe the change."""
        asked = (self.levels, *(rule.levels for rule in self.rules if rule.when.holds(reach)))
        return replace(self, levels=max(asked, key=strictness), rules=())

    def to_json(self) -> dict[str, Any]:
        """Without what is not said, where it need not be."""
        more: dict[str, Any] = {"rules": [rule.to_json() for rule in self.rules]} if self.rules else {}
        if self.calendar is not None:
            more["calendar"] = self.calendar.to_json()
        elif self.window is not None:
            more["calendar"] = {"window": self.window}
        if self.newer is not Newer.KEEP:
            more["newer"] = self.newer.value
        if self.governs_itself is not None:
            more["governs_itself"] = self.governs_itself
        return {
            "levels": [level.to_json() for level in self.levels],
            "deadline_seconds": self.deadline.total_seconds(),
            "scope": self.scope.value,
            "reminders_seconds": [offset.total_seconds() for offset in self.reminders],
            "validity_seconds": self.validity.total_seconds(),
            **more,
        }


_DEFAULT_LEVELS = {Environment.DEV: 0, Environment.QA: 0, Environment.STAGING: 1, Environment.PRODUCTION: 2}


def default_policy(environment: Environment, kind: Kind = Kind.FLAG) -> ApprovalPolicy:
    """Nobody in dev and qa, one level in staging, two in production, and three for half of the tenants there.

    Of calendars nobody is asked until somebody says who: the first is written before there are books to guard. What is
    done to commands is approved by one more of those who may do it.
    """
    if kind is Kind.COMMAND_REPAIR:
        return ApprovalPolicy(levels=(Level(roles=(), permission=Permission.COMMANDS_OPERATE),))
    if kind is Kind.FISCAL_CALENDAR:
        return ApprovalPolicy()
    rules = (PolicyRule(When(tenant_share_at_least=0.5), (Level(),) * 3),)
    levels = (Level(),) * _DEFAULT_LEVELS[environment]
    return ApprovalPolicy(levels=levels, rules=rules if environment is Environment.PRODUCTION else ())


def strictest(policies: Iterable[ApprovalPolicy]) -> ApprovalPolicy:
    """Of policies that have decided, the one that asks most, and of those the one that waits the shortest."""
    return max(policies, key=lambda policy: (strictness(policy.levels), -policy.validity, -policy.deadline))


def parse_policy(raw: Any) -> ApprovalPolicy:
    """A policy from its JSON; Invalid names every fault."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a policy is an object")])
    unknown = sorted(set(raw) - {*ApprovalPolicy().to_json(), "rules", "calendar", "newer", "governs_itself"})
    faults = [Fault(f"/{escaped(key)}", "unknown field") for key in unknown]
    levels = parsed_levels(raw.get("levels", []), "/levels", faults)
    rules = parsed_rules(raw.get("rules", []), "/rules", faults)
    deadline = _seconds(raw, "deadline_seconds", 72 * 3600, faults)
    validity = _seconds(raw, "validity_seconds", 72 * 3600, faults)
    reminders = _reminders(raw.get("reminders_seconds"), faults)
    scope = raw.get("scope", TimeoutScope.REQUEST)
    if not isinstance(scope, str) or scope not in set(TimeoutScope):
        faults.append(Fault("/scope", "request or level"))
    window = window_named(raw.get("calendar"))
    calendar = parsed_calendar(raw.get("calendar"), "/calendar", faults) if window is None else None
    newer = raw.get("newer", Newer.KEEP)
    if not isinstance(newer, str) or newer not in set(Newer):
        faults.append(Fault("/newer", "keep or withdraw_older"))
    governs = raw.get("governs_itself")
    if governs is not None and not isinstance(governs, bool):
        faults.append(Fault("/governs_itself", "true or false"))
    if faults:
        raise Invalid(faults)
    return ApprovalPolicy(
        levels, deadline, TimeoutScope(scope), reminders, validity, rules, calendar, Newer(newer), governs, window
    )


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
