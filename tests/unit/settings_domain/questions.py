"""Any definition, any chain of levels and any hour make a question."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import strategies as st

from domain.settings import UNSET, Constraint, Definition, Entry, EntryState, Level, Merge, SettingType

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 6


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


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
