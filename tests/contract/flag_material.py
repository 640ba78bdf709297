"""What flags and contexts that nobody chose are made of: plausible names, words and values, and hostile ones."""

from collections.abc import Sequence
from typing import Any

from domain.flags import FlagType

NOW = 1_780_000_000
NAMES = ("a", "b", "c", "true", "false", "1", "2")
VALUES: dict[FlagType, list[Any]] = {
    FlagType.BOOLEAN: [True, False, True, True, False, True, False],
    FlagType.STRING: ["x", "y", "", "z", "1", "é", "on"],
    FlagType.INTEGER: [0, 1, 2, -3, 4, 5, 2**53 - 1],
    FlagType.FLOAT: [0.5, 1, 2.25, -3, 4, 5, 1e9],
    FlagType.OBJECT: [{}, {"a": 1}, {"b": [1, None]}, {"c": {"d": "e"}}, {}, {}, {"f": 1.5}],
}
EVALUATORS: dict[str, Any] = {
    "vip": {"ends_with": [{"var": "email"}, "@example.org"]},
    "beta": {"in": [{"var": "country"}, ["de", "fr"]]},
    "half": {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["a", 50], ["b", 50]]},
}
METADATA = {"set": "s", "owner": "o"}

TEXTS = ("email", "country", "version", "plan", "address.city", "tags.0", "targetingKey", "$flagd.flagKey")
NUMBERS = ("age", "score", "tags.length", "plan.length", "orders.0.n", "scores.1", "$flagd.timestamp")
HUGE = {"*": [{"var": "huge"}, {"var": "huge"}]}
LISTS = ("tags", "orders", "scores")
ODD_NAMES = ("", "absent", "absent.more", "email.", ".email", "tags.01", "address", "email.0", "$flagd", "nothing")
ODD_PATHS = (*ODD_NAMES, "__proto__", "constructor", "a\\.b", "../index", 0, 1, None)
WORDS: dict[str, Sequence[str]] = {
    "email": ("ada@example.org", "bob@example.com", "eve@example.org", "x@a.example", "y@a.example", "é@example.org"),
    "country": ("de", "fr", "at", "us"),
    "version": ("1.2.3", "v1.2", "2.0.0-rc.1", "1.2.3+build", "2", "10.0.0", "1.2.3-beta.2"),
    "plan": ("free", "pro", "team", "trial", "none", "", "\U0001f600"),
}
SIGNS = ("=", "!=", "<", "<=", ">", ">=", "^", "~")
ODD_SCALARS = (
    *(None, True, False, 0, -0.0, 0.1, 1.0, -7, 1e15, 1e-7, 2**53 - 1, "", " 7 ", "7", "0x10", "1_000", "inf", "nan"),
    *(
        "٣",
        "é",
        "\U0001f600b",
        "\uffee",
        "length",
        "null",
        "true",
        "01",
        "1.5",
        "v1.2-rc",
        "1.2.3.4",
        " 1.2.3",
        "x" * 300,
    ),
)
ODD_VALUES: tuple[Any, ...] = (
    *ODD_SCALARS,
    [],
    {},
    [[]],
    [None],
    [True],
    [1, [2]],
    ["1.2.3"],
    ["a", 1.5],
    {"n": None},
    {"": 1},
)

RARE: tuple[Any, ...] = (
    {"==": [0, {"var": "note"}]},
    {"!=": [{"var": "note"}, False]},
    {"in": ["absent", {"missing_some": [{"var": "age"}, ["note", "absent"]]}]},
    {"<": [{"%": [{"-": [{"var": "age"}, 50]}, 7]}, 0]},
    {"==": [{"%": [{"+": [2**53 - 1, {"var": "age"}]}, 2]}, 1]},
    {"<": [{"max": [{"var": "vip"}, {"var": "age"}]}, 40]},
    {"in": [{"var": "vip"}, [1, 0, "a"]]},
    {"==": [{"cat": [{"var": "vip"}, "!"]}, "True!"]},
    {"in": [",", {"cat": {"var": "tags"}}]},
    {"==": [{"cat": [{"or": [{"var": "plan"}, "x"]}, "!"]}, "pro!"]},
    {"in": ["a", {"merge": {"var": "tags"}}]},
    {"var": [{"cat": ["no", "te"]}, "x"]},
    {"in": ["a", {"reduce": [{"var": "tags"}, [{"var": "accumulator"}, {"var": "current"}], []]}]},
    {"var": "address"},
    {"if": [{"var": "note"}, "x"]},
)
