"""Any chain resolves as a slow model says that shares no code with the product: it lists, sorts and starts anew."""

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from domain.settings import (
    DEFAULT_LABEL,
    UNSET,
    Constraint,
    Definition,
    Entry,
    EntryState,
    Level,
    Merge,
    Resolution,
    SettingType,
    resolve,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 6
NOTHING: Any = object()


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


# --- what can be said


def minutes(number: int | None) -> str | None:
    return None if number is None else f"PT{number}M"


@dataclass(frozen=True)
class Kind:
    """Values and lists of them are drawn from pools, one choice each: most of the time would go into drawing."""

    type: SettingType
    merges: tuple[Merge, ...]
    values: tuple[Any, ...]
    bounds: tuple[tuple[Any, Any], ...] = ((None, None),)
    lists: tuple[tuple[Any, ...], ...] = ()

    @property
    def constraints(self) -> list[Constraint]:
        allowances, denials = (None, None, *self.lists), ((), (), (None,), *self.lists)
        return [Constraint(*bounds, *lists) for bounds in self.bounds for lists in product(allowances, denials)]


BY_SIZE = (Merge.REPLACE, Merge.MIN, Merge.MAX)
BOUNDS = ((None, None), (3, None), (5, None), (None, 4), (None, 6), (0, 2), (2, 6), (4, 5), (7, 9))
MINUTES = tuple((minutes(low), minutes(high)) for low, high in BOUNDS)
OBJECTS: tuple[Any, ...] = (
    {}, {"a": 1}, {"a": 2, "b": 1}, {"b": {"a": 1}, "a": 1}, {"a": {}}, {"a": None}, {"a": [1]}, {"a": [2], "c": {}},
    {"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": {"c": 1}}}, {"a": {"b": {}, "c": None}},
)  # fmt: skip
KINDS = (
    Kind(SettingType.INTEGER, BY_SIZE, tuple(range(10)), BOUNDS, ((0, 2, 4, 6, 8), (3, 4, 5), (None, 1))),
    Kind(
        SettingType.DURATION, BY_SIZE, ("PT60S", "PT180S", *(f"PT{n}M" for n in range(8))), MINUTES, (("PT3M", None),)
    ),
    Kind(SettingType.BOOLEAN, (Merge.REPLACE, Merge.AND, Merge.OR), (False, True), lists=((True,), (False, None))),
    Kind(SettingType.STRING, (Merge.REPLACE,), ("x", "y", "z"), lists=(("x",), ("x", "y"), ("z", None))),
    Kind(
        SettingType.LIST,
        (Merge.REPLACE, Merge.SET_UNION, Merge.APPEND),
        ([], [1], [2], [1, 2], [2, 1], [3, 3]),
        lists=(([1], [2], [3, 3], [1, 2, 3, 3]), ([1, 2], [2, 1]), ([1], [1, 2])),
    ),
    Kind(SettingType.JSON, (Merge.REPLACE, Merge.DEEP_MERGE), OBJECTS, lists=(OBJECTS[1:5], OBJECTS[5:9])),
)
TIMES = tuple(product((0, 0, 1, 2, 4), (None, None, 1, 2, 3, 5)))
STATES = (*[("set", False)] * 5, ("set", True), ("unset", False), ("unset", True))


def entries_of(kind: Kind) -> st.SearchStrategy[list[Entry]]:
    """Versions in the order of writing, whatever the times."""
    parts = st.tuples(
        st.sampled_from(list(product(TIMES, STATES))),
        st.sampled_from((*kind.values, None)),
        st.sampled_from([None] * 2 * len(kind.constraints) + kind.constraints),
    )
    return st.lists(parts, max_size=3).map(lambda drawn: [entry_of(n, *each) for n, each in enumerate(drawn, start=1)])


def entry_of(version: int, when: Any, value: Any, constraint: Constraint | None) -> Entry:
    (since, until), (state, enforced) = when
    return Entry(
        version=version,
        state=EntryState(state),
        value=value if state == "set" else None,
        enforced=enforced,
        constraint=constraint,
        since=hour(since),
        until=None if until is None else hour(until),
        written_by=None,
        written_at=START,
        change=None,
        reason="",
    )


def questions_of(kind: Kind) -> st.SearchStrategy[tuple[Definition, list[Level], int]]:
    heads = list(product(kind.merges, (UNSET, None, *kind.values)))
    return st.builds(
        lambda head, said, upwards, number: (
            Definition("key", kind.type, merge=head[0], default=head[1], nullable=True),
            [Level(label, tuple(said[n][:: 1 if upwards else -1])) for n, label in enumerate("pqtcu"[: len(said)])],
            number,
        ),
        st.sampled_from(heads),
        st.lists(entries_of(kind), min_size=2, max_size=5),
        st.booleans(),
        st.integers(0, HOURS),
    )


questions = st.one_of(*map(questions_of, KINDS))


# --- the model


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


# --- the comparison


def outcome(resolution: Resolution) -> tuple[Any, ...]:
    value = "nothing" if resolution.value is UNSET else json.dumps(resolution.value, sort_keys=True)
    return resolution.found, value, resolution.winner, [(line.label, line.state.value) for line in resolution.trace]


class TestAnyChain:
    @settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions)
    def test_resolves_as_the_model_says(self, question: tuple[Definition, list[Level], int]) -> None:
        definition, chain, number = question
        at = hour(number)
        model = modelled(definition, chain, at)
        resolution = resolve(definition, chain, at)
        found = model["value"] is not NOTHING
        value = json.dumps(model["value"], sort_keys=True) if found else "nothing"
        assert outcome(resolution) == (found, value, model["winner"], model["trace"])
        for line in resolution.trace:
            if line.label in model["said"]:
                said = model["said"][line.label]
                assert line.value is UNSET if said is NOTHING else same(line.value, said)
            elif line.state.value != "shadowed":
                assert line.value is UNSET
        if found and definition.type is SettingType.DURATION and model["value"] is not None:
            assert resolution.seconds == size(model["value"])
        else:
            assert resolution.seconds is None
        for state in {state for _, state in model["trace"]}:
            event(state)

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions)
    def test_stays_as_it_is_until_the_next_change(self, question: tuple[Definition, list[Level], int]) -> None:
        definition, chain, number = question
        now = resolve(definition, chain, hour(number))
        assert now.next_change == changing(chain, hour(number))
        for later in range(number, HOURS + 1):
            if now.next_change is None or hour(later) < now.next_change:
                then = resolve(definition, chain, hour(later))
                assert outcome(then)[:3] == outcome(now)[:3]
                assert then.constraint == now.constraint

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(questions)
    def test_is_never_outside_the_constraint_in_force(self, question: tuple[Definition, list[Level], int]) -> None:
        definition, chain, number = question
        resolution = resolve(definition, chain, hour(number))
        if resolution.found and resolution.constraint is not None:
            assert resolution.constraint.faults(resolution.value) == []
