"""A slow model of resolution shares no code with the product: it lists, sorts and starts anew."""

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.settings import DEFAULT_LABEL, UNSET, Constraint, Definition, Entry, EntryState, Level, Merge
from tests.unit.settings_domain.questions import HOURS, hour

NOTHING: Any = object()


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def size(value: Any) -> float:
    """Of what the kinds above hold."""
    if isinstance(value, str):
        return int(value[2:-1]) * (60 if value.endswith("M") else 1)
    return float(value)


def holding(level: Level, at: datetime) -> Entry | None:
    covering = [entry for entry in level.entries if entry.since <= at < (entry.until or hour(1000))]
    return max(covering, key=lambda entry: (entry.since, entry.version), default=None)


def speaks(entry: Entry | None) -> bool:
    return entry is not None and entry.state is EntryState.SET


def audible(chain: Sequence[Level], at: datetime) -> list[Level]:
    """Those down to the first that enforces."""
    enforcing = [n for n, level in enumerate(chain) if speaks(found := holding(level, at)) and found and found.enforced]
    return list(chain[: min(enforcing) + 1 if enforcing else len(chain)])


@dataclass
class Rules:
    """All constraints of a chain: bounds as the middle of three, lists one after the other."""

    low: Any = None
    high: Any = None
    listed: list[Constraint] | None = None

    def add(self, constraint: Constraint) -> None:
        low, high = (self._middle(bound) for bound in (constraint.minimum, constraint.maximum))
        self.low, self.high = (old if new is None else new for old, new in ((self.low, low), (self.high, high)))
        self.listed = [*(self.listed or []), constraint]

    def _middle(self, bound: Any) -> Any:
        if bound is None:
            return None
        low = -math.inf if self.low is None else size(self.low)
        high = math.inf if self.high is None else size(self.high)
        return sorted([(low, self.low), (size(bound), bound), (high, self.high)], key=lambda pair: pair[0])[1][1]

    def fit(self, value: Any) -> Any:
        """NOTHING where it cannot be made to fit."""
        if (self.low is not None or self.high is not None) and value is None:
            return NOTHING
        if self.low is not None and size(value) < size(self.low):
            value = self.low
        if self.high is not None and size(value) > size(self.high):
            value = self.high
        for constraint in self.listed or []:
            if constraint.allowed is not None and not any(same(value, one) for one in constraint.allowed):
                return NOTHING
            if any(same(value, one) for one in constraint.denied):
                return NOTHING
        return value


def together(merge: Merge, said: Sequence[tuple[str, Any]]) -> tuple[str, Any]:
    """Who wins, and what comes of all that was said since the last thing that cannot be merged."""
    mergeable = {
        Merge.DEEP_MERGE: dict, Merge.SET_UNION: list, Merge.APPEND: list, Merge.AND: bool, Merge.OR: bool,
        Merge.MIN: int | str, Merge.MAX: int | str, Merge.REPLACE: (),
    }[merge]  # fmt: skip
    breaks = [n for n, (_, value) in enumerate(said) if not isinstance(value, mergeable)]
    last = max(breaks, default=-1)
    rest = said[last + 1 :]
    if not rest:
        return said[-1]
    values = [value for _, value in rest]
    if merge in (Merge.MIN, Merge.MAX):
        best = (min if merge is Merge.MIN else max)(map(size, values))
        return next((label, value) for label, value in rest if size(value) == best)
    if merge in (Merge.AND, Merge.OR):
        result = all(values) if merge is Merge.AND else any(values)
        return next((label, value) for label, value in rest if value is result)
    if merge is Merge.APPEND:
        return rest[-1][0], [item for value in values for item in value]
    if merge is Merge.SET_UNION:
        return rest[-1][0], list(dict.fromkeys(item for value in values for item in value))
    tree: dict[str, Any] = {}
    for value in values:
        for path, leaf in leaves(value):
            plant(tree, path, leaf)
    return rest[-1][0], tree


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict) or not value:
        return [(path, value)]
    return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]


def plant(tree: dict[str, Any], path: tuple[str, ...], leaf: Any) -> None:
    for name in path[:-1]:
        if not isinstance(tree.get(name), dict):
            tree[name] = {}
        tree = tree[name]
    if path and not (leaf == {} and isinstance(tree.get(path[-1]), dict)):
        tree[path[-1]] = copy.deepcopy(leaf)  # what was said stays as it is, an empty object too


def modelled(definition: Definition, chain: Sequence[Level], at: datetime) -> dict[str, Any]:
    heard = audible(chain, at)
    rules = Rules()
    for level in heard:
        entry = holding(level, at)
        if entry is not None and entry.constraint is not None:
            rules.add(entry.constraint)
    claims: list[tuple[str, Any, bool]] = []
    if definition.default is not UNSET:
        claims.append((DEFAULT_LABEL, definition.default, False))
    for level in heard:
        entry = holding(level, at)
        if entry is not None and entry.state is EntryState.SET:
            claims.append((level.label, entry.value, entry.enforced))
    kept: list[tuple[str, Any]] = []
    states, values = {}, {}
    for label, value, enforced in claims:
        fitting = rules.fit(value)
        if fitting is not NOTHING and rules.fit(together(definition.merge, [*kept, (label, fitting)])[1]) is NOTHING:
            fitting = NOTHING
        clamped = fitting is NOTHING or not same(fitting, value)
        states[label] = "clamped" if clamped else "enforced" if enforced else "set" if label != DEFAULT_LABEL else label
        values[label] = fitting
        kept += [] if fitting is NOTHING else [(label, fitting)]
    winner, value = together(definition.merge, kept) if kept else (None, NOTHING)
    quiet = {level.label: silence(level, at, heard) for level in chain if level.label not in states}
    trace = [(label, states.get(label) or quiet.get(label, "none")) for label in (DEFAULT_LABEL, *map(label_of, chain))]
    return {"winner": winner, "value": value, "trace": trace, "said": values}


def label_of(level: Level) -> str:
    return level.label


def silence(level: Level, at: datetime, heard: Sequence[Level]) -> str:
    """Why a level has no part in the answer."""
    entry = holding(level, at)
    if entry is not None:
        return "shadowed" if speaks(entry) and level not in heard else "unset"
    lived = [entry for entry in level.entries if entry.until is None or entry.since < entry.until]
    if any(entry.since > at for entry in lived):
        return "scheduled"
    return "expired" if lived else "none"


def changing(chain: Sequence[Level], at: datetime) -> datetime | None:
    """The first later hour at which one of those who are heard now has another entry."""
    heard = audible(chain, at)
    later = [hour(number) for number in range(HOURS + 1) if hour(number) > at]
    now = [holding(level, at) for level in heard]
    return next((then for then in later if [holding(level, then) for level in heard] != now), None)
