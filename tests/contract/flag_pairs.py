"""Flags and contexts that nobody chose, the same ones for a seed: plausible for the most part, hostile in between."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

from domain.errors import Invalid
from domain.flags import FlagType, parse_definition
from tests.contract.flag_material import (
    EVALUATORS,
    HUGE,
    LISTS,
    METADATA,
    NAMES,
    NOW,
    NUMBERS,
    ODD_PATHS,
    ODD_SCALARS,
    ODD_VALUES,
    RARE,
    SIGNS,
    TEXTS,
    VALUES,
    WORDS,
)

__all__ = ["EVALUATORS", "METADATA", "NAMES", "NOW", "Author"]


class Author:
    """Writes flags and the contexts to evaluate them for."""

    def __init__(self, seed: int) -> None:
        self._draw = Random(seed)
        self._kinds: dict[str, Callable[[int], Any]] = {
            "truth": self._truth, "text": self._text, "number": self._number, "list": self._list,
        }  # fmt: skip

    def flags(self, count: int) -> dict[str, Any]:
        """That many which are valid, by key."""
        valid = filter(_is_valid, iter(self._flag, None))
        return {f"flag-{number}": next(valid) for number in range(count)}

    def contexts(self, count: int) -> list[dict[str, Any]]:
        return [dict(self._attributes()) for _ in range(count)]

    def _some(self, make: Callable[[], Any], least: int, most: int) -> list[Any]:
        return [make() for _ in range(self._draw.randint(least, most))]

    def _chance(self, share: float) -> bool:
        return self._draw.random() < share

    def _one(self, among: Sequence[Any]) -> Any:
        return self._draw.choice(among)

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        plausible: dict[str, Callable[[], Any]] = {
            **{name: partial(self._one, words) for name, words in WORDS.items()},
            "age": lambda: self._draw.randrange(100),
            "score": lambda: self._one([0.5, 1.0, 1.5, 2, 12.25, 100]),
            "vip": lambda: self._chance(0.5),
            "huge": lambda: self._one([2, 1e308]),
            "address": lambda: self._one([{"city": "Graz", "lines": ["x"]}, {"city": "Köln"}, {"city": "Bern"}, {}]),
            "note": lambda: self._one([None, "x", ""]),
            "a.b": lambda: True,
            "tags": lambda: [self._one("abc") for _ in range(self._draw.randrange(4))],
            "scores": lambda: [self._one([1, 2, 3.5, 10]) for _ in range(self._draw.randrange(4))],
            "orders": lambda: self._some(lambda: {"n": self._draw.randrange(9), "sku": self._one("ab")}, 0, 2),
        }  # fmt: skip
        if self._chance(0.9):
            yield "targetingKey", self._one([*(f"user-{self._draw.randrange(10**6)}" for _ in range(7)), "", "zoë"])
        elif self._chance(0.2):
            yield "targetingKey", self._one([7, True, None])
        for name, make in plausible.items():
            if self._chance(0.88):
                yield name, self._one(ODD_VALUES) if self._chance(0.04) else make()

    def _flag(self) -> dict[str, Any]:
        flag: dict[str, Any] = {
            "state": "DISABLED" if self._chance(0.04) else "ENABLED",
            "variants": dict(zip(NAMES, VALUES[self._one(list(FlagType))], strict=True)),
        }
        if self._chance(0.85):
            flag["defaultVariant"] = self._one([*NAMES, None])
        if self._chance(0.95):
            flag["targeting"] = self._outcome(3)
        if self._chance(0.3):
            flag["metadata"] = {self._one(["owner", "version"]): self._one(["x", 1, True, 1.5])}
        return flag

    def _outcome(self, depth: int) -> Any:
        """What gives a variant's name; below the top it may be written down."""
        written = self._one([*NAMES, None])
        if depth <= 0 or (depth < 3 and self._chance(0.5)):
            return written
        forms: list[Callable[[], Any]] = [
            *[lambda: self._choice(depth)] * 6,
            *[lambda: self._split(depth)] * 4,
            *[lambda: self._truth(depth)] * 3,
            lambda: {self._one(["or", "and"]): [self._truth(depth - 1), self._outcome(depth - 1)]},
            lambda: {"var": [self._one(["tags.0", "plan", "absent"]), self._one(NAMES)]},
            lambda: {"if": [self._truth(depth - 1), {"+": [self._number(0), 0]}, "a"]},
            lambda: self._number(depth),
            lambda: self._text(depth),
            lambda: self._list(depth),
        ]
        made = self._one(forms)()
        return made if isinstance(made, dict) else {"if": [self._truth(1), "a", "b"]}

    def _choice(self, depth: int) -> Any:
        arguments = [self._kind("truth", depth - 1), self._outcome(depth - 1)]
        if self._chance(0.4):
            arguments += [self._kind("truth", depth - 1), self._outcome(depth - 1)]
        if self._chance(0.7):
            arguments.append(self._outcome(depth - 1))
        return {self._one(["if", "if", "?:"]): arguments}

    def _split(self, depth: int) -> Any:
        weights = (
            lambda: self._draw.randrange(101),
            lambda: self._draw.randrange(101),
            lambda: self._one([0, 1, 2**30, {"var": "age"}, {"var": "score"}, self._number(0)]),
            lambda: {"-": [{"var": "$flagd.timestamp"}, NOW - self._draw.randrange(100)]},
            lambda: {"-": [self._draw.randrange(50), {"var": "age"}]},
        )
        variant = self._outcome(depth - 2) if self._chance(0.2) else self._one(NAMES)
        variant = {"var": "address"} if self._chance(0.01) else variant
        arms = [[variant, self._one(weights)()], *([self._one(NAMES), self._one(weights)()] for _ in range(2))]
        if self._chance(0.3):
            arms.append([self._one([*NAMES, None])])
        by: list[Any] = []
        if self._chance(0.5):
            salted = {"cat": [{"var": "$flagd.flagKey"}, {"var": self._one(["email", "targetingKey", "plan"])}]}
            by = [
                self._one([salted, {"var": "email"}, {"var": "age"}, {"var": "tags"}, self._text(0), self._one(TEXTS)])
            ]
        return {"fractional": [*by, *arms]}

    def _kind(self, kind: str, depth: int) -> Any:
        """A rule that gives such a value, and now and then something else."""
        if self._chance(0.03):
            return self._one(ODD_SCALARS)
        if self._chance(0.03):
            kind = self._one(list(self._kinds))
        made = self._kinds[kind](depth)
        return self._odd(made) if self._chance(0.02) else made

    def _odd(self, rule: Any) -> Any:
        """The same operator with more arguments, fewer, or one that stands for itself."""
        if not isinstance(rule, dict):
            return rule
        ((name, arguments),) = rule.items()
        if not isinstance(arguments, list) or not arguments or name == "fractional":
            return rule
        return {name: self._one([arguments[:-1], [*arguments, 2], [*arguments, {"var": "age"}], arguments[0]])}

    def _read(self, names: Sequence[Any]) -> Any:
        if self._chance(0.03):
            names = ODD_PATHS
        name = self._one(names)
        if self._chance(0.1):
            return {"var": [name, self._one(["x", 0, 1, "1.0.0", None])]}
        return {"var": {"cat": [name]} if self._chance(0.02) and isinstance(name, str) else name}

    def _truth(self, depth: int) -> Any:
        if self._chance(0.05):
            return self._one(RARE)
        text, number = self._read(TEXTS), self._read(NUMBERS)
        simple: list[Callable[[], Any]] = [
            lambda: {"==": [text, self._word()]},
            lambda: {self._one(["==", "!=", "===", "!=="]): [number, self._draw.randrange(60)]},
            lambda: {self._one(["<", "<=", ">", ">="]): [number, self._one([18, 40, 1.5, "30"])]},
            lambda: {self._one(["<", "<="]): [18, number, self._one([40, 65])]},
            lambda: {"in": [text, [self._word() for _ in range(self._draw.randrange(4))]]},
            lambda: {"in": [self._one(["@example", "a", "1"]), text]},
            lambda: {"in": [self._one(["a", "z", 1]), self._read(LISTS)]},
            lambda: {"starts_with": [text, self._one(["ada", "v1", "", "user-"])]},
            lambda: {"ends_with": [text, self._one([".org", "m", "r"])]},
            lambda: {"sem_ver": [self._read(["version"]), self._one(SIGNS), self._one(WORDS["version"])]},
            lambda: {"$ref": self._one(list(EVALUATORS))},
            lambda: self._read(["vip"]),
            lambda: {"!": [{"missing": self._names()}]},
            lambda: {"!!": [{"missing_some": [self._one([1, 2]), self._names()]}]},
            lambda: {self._one(["<", "==", ">="]): [text, self._read(TEXTS)]},
            lambda: {self._one(["all", "some", "none"]): self._items()},
        ]
        if depth <= 0:
            return self._one(simple)()
        deeper: list[Callable[[], Any]] = [
            lambda: {self._one(["and", "or"]): self._some(lambda: self._kind("truth", depth - 1), 1, 3)},
            lambda: {self._one(["!", "!!"]): [self._kind(self._one(["truth", "list", "text"]), depth - 1)]},
            lambda: {"if": [self._kind("truth", depth - 1) for _ in range(3)]},
            lambda: {self._one(["<", ">=", "==", "!=", "==="]): self._pair("number", depth - 1)},
            lambda: {self._one(["==", "!==", ">"]): self._pair("text", depth - 1)},
            lambda: {"in": [self._kind("text", depth - 1), self._kind("list", depth - 1)]},
            lambda: {self._one(["starts_with", "ends_with"]): self._pair("text", depth - 1)},
            lambda: {"sem_ver": [self._kind("text", depth - 1), self._one(SIGNS), self._read(["version"])]},
        ]  # fmt: skip
        return self._one(simple + deeper)()

    def _pair(self, kind: str, depth: int) -> list[Any]:
        return [self._kind(kind, depth), self._kind(kind, depth)]

    def _word(self) -> str:
        return str(self._one(WORDS[self._one(list(WORDS))]))

    def _names(self) -> list[Any]:
        return [self._one([*TEXTS, *NUMBERS, "absent", "vip"]) for _ in range(self._draw.randrange(1, 4))]

    def _items(self) -> list[Any]:
        """An array, and a test of each of its items."""
        tests: dict[str, Sequence[Any]] = {
            "tags": [{"==": [{"var": ""}, "a"]}, {"in": [{"var": ""}, "abz"]}, {"var": ""}],
            "scores": [{">": [{"var": ""}, 2]}, {"==": [{"%": [{"var": ""}, 2]}, 0]}, {"!": {"var": ""}}],
            "orders": [{">=": [{"var": "n"}, 5]}, {"and": [{"var": "n"}, {"in": [{"var": "sku"}, "a"]}]}, {"var": "x"}],
        }  # fmt: skip
        name = self._one(LISTS)
        inside: Any = self._one(tests[name])
        if self._chance(0.05):
            inside = self._one([{"starts_with": [{"var": "sku"}, "a"]}, {"fractional": [["a", 1], ["b", 1]]}])
        return [self._read([name]) if self._chance(0.85) else self._kind("list", 0), inside]

    def _text(self, depth: int) -> Any:
        if depth <= 0:
            return self._read(TEXTS) if self._chance(0.7) else self._word()
        forms: list[Callable[[], Any]] = [
            lambda: self._read(TEXTS),
            lambda: {"cat": [self._kind(self._one(["text", "text", "number"]), depth - 1) for _ in range(2)]},
            lambda: {"substr": [self._kind("text", depth - 1), self._one([0, 1, -4, -50]), self._one([1, 3, -1, 40])]},
            lambda: {"substr": [self._kind("text", depth - 1), self._one([1, -4, self._number(1), HUGE])]},
            lambda: {"if": [self._kind("truth", depth - 1), self._word(), self._kind("text", depth - 1)]},
            lambda: {"reduce": [self._read(["tags"]), {"cat": [{"var": "accumulator"}, {"var": "current"}]}, "-"]},
        ]
        return self._one(forms)()

    def _number(self, depth: int) -> Any:
        if depth <= 0:
            return self._read(NUMBERS) if self._chance(0.7) else self._one([0, 1, 2, 7, 1.5, 100])
        forms: list[Callable[[], Any]] = [
            lambda: self._read(NUMBERS),
            lambda: {self._one(["+", "*", "min", "max"]): self._some(lambda: self._kind("number", depth - 1), 1, 3)},
            lambda: {self._one("+-*"): self._pair("number", depth - 1)},
            lambda: {self._one("/%"): [self._kind("number", depth - 1), self._one([1, 2, 3, 10, 0.5])]},
            lambda: {"/": self._pair("number", depth - 1)},
            lambda: {"%": self._pair("number", depth - 1)},
            lambda: {"-": [self._kind("number", depth - 1)]},
            lambda: {"reduce": [self._read(["scores"]), {"+": [{"var": "accumulator"}, {"var": "current"}]}, 0]},
            lambda: {"reduce": [self._read(["orders"]), {"max": [{"var": "accumulator"}, {"var": "current.n"}]}, 5]},
        ]  # fmt: skip
        return self._one(forms)()

    def _list(self, depth: int) -> Any:
        written = [self._one(["a", "b", 1, "de"]) for _ in range(self._draw.randrange(4))]
        if depth <= 0:
            return self._read(LISTS) if self._chance(0.7) else written
        bodies = [{"var": "n"}, {"var": ""}, {"cat": [{"var": "sku"}, "!"]}, {"+": [{"var": "n"}, 1]}, "x"]
        forms: list[Callable[[], Any]] = [
            lambda: self._read(LISTS),
            lambda: {"merge": [self._kind(self._one(["list", "text"]), depth - 1) for _ in range(2)]},
            lambda: {"filter": self._items()},
            lambda: {"map": [self._kind("list", depth - 1), self._one(bodies)]},
            lambda: {"missing": self._names()},
            lambda: {"missing_some": [self._one([1, 2, 3]), self._names()]},
            lambda: [self._kind("text", 0), self._kind("number", 0)],
            lambda: {"reduce": [self._read(["tags"]), {"merge": [{"var": "accumulator"}, {"var": "current"}]}, []]},
        ]
        return self._one(forms)()


def _is_valid(flag: dict[str, Any]) -> bool:
    try:
        parse_definition(flag, evaluators=EVALUATORS)
    except Invalid:
        return False
    return True
