"""A rule over a context of which parts were hashed or dropped gives what it would give over the whole one, or nothing.

A hashed value can be compared for equality, and its hash buckets as any value does: not the same subjects fall into an
arm, but the same share of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from domain.flags import fractional, variables
from domain.flags.bucketing import Bucketing
from domain.flags.expression import Compilation, Compiled, Form, apply
from domain.flags.jsonlogic import FORMS
from domain.flags.sampling import Token
from domain.json_value import Json

_BUCKET = "$bucket"
_TWO = 2


class NotKnown(BaseException):
    """The rule asks for what was not kept of the context; no evaluation may take this for a failure of its own."""


@dataclass(frozen=True)
class Redaction:
    """What was kept of contexts: `plain` as it was, `hashed` as the `token` of the value, and nothing else."""

    plain: frozenset[str]
    hashed: frozenset[str]
    token: Token

    @property
    def forms(self) -> Mapping[str, Form]:
        """The operators that read a context, as they are over what was kept of one."""
        equalities = {name: self._equality(name) for name in ("==", "!=", "===", "!==")}
        return {
            **FORMS,
            **equalities,
            "var": self._variable,
            "missing": self._missing("missing"),
            "missing_some": self._missing("missing_some"),
            "in": self._contained,
            "fractional": self._split,
            _BUCKET: _hash_itself,
        }

    def _variable(self, compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
        read = variables.variable(compilation, arguments)
        name = arguments[0] if arguments else None
        return read if not compilation.root or self._shows(name) else Compiled(_not_known)

    def _shows(self, name: Json) -> bool:
        first = name.partition(".")[0] if isinstance(name, str) else None
        return first == "$flagd" or first in self.plain

    def _missing(self, operator: str) -> Form:
        """A hashed value is there or not as the value was; of what was dropped that is not known."""

        def form(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
            listed = arguments[1:] if operator == "missing_some" else arguments
            names = listed[0] if listed and isinstance(listed[0], list) else listed
            known = not compilation.root or all(self._shows(each) or self._is_hashed(each) for each in names)
            return FORMS[operator](compilation, arguments) if known else Compiled(_not_known)

        return form

    def _is_hashed(self, name: Json) -> bool:
        return isinstance(name, str) and name in self.hashed

    def _hashed(self, compilation: Compilation, rule: Json) -> str | None:
        """The hashed attribute that this rule reads, and does nothing else."""
        if not compilation.root or not isinstance(rule, dict) or rule.keys() != {"var"}:
            return None
        (name,) = rule["var"] if isinstance(rule["var"], list) and len(rule["var"]) == 1 else (rule["var"],)
        return name if self._is_hashed(name) else None

    def _equality(self, operator: str) -> Form:
        strict, negated = len(operator) > _TWO, operator.startswith("!")

        def form(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
            names = [self._hashed(compilation, each) for each in arguments[:2]]
            if len(names) < _TWO or not any(names):
                ordinary = FORMS.get(operator)
                return ordinary(compilation, arguments) if ordinary else apply(operator, _each(compilation, arguments))
            left, right = map(self._tokens, _each(compilation, arguments[:2], names), names)
            return Compiled(lambda scope: _equal(left(scope), right(scope), strict=strict) is not negated, plain=True)

        return form

    def _tokens(self, side: Compiled, name: str | None) -> Any:
        """What a hashed attribute holds, or the token of what anything else gives."""
        if name is not None:
            return side.run
        if side.varies:
            return lambda scope: self._told(side.run(scope))
        fixed = self.token(side.constant)
        return lambda _scope: fixed

    def _told(self, value: Any) -> Json:
        try:
            return self.token(value)
        except (ValueError, RecursionError):  # no JSON: a rule can make such numbers
            raise NotKnown from None

    def _contained(self, compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
        name = self._hashed(compilation, arguments[0]) if len(arguments) == _TWO else None
        if name is None:
            return FORMS["in"](compilation, arguments)
        among = compilation.compile(arguments[1])
        fixed = None if among.varies else self._among(among.constant)

        def run(scope: Any) -> bool:
            return _listed(scope.get(name), self._among(among.run(scope)) if fixed is None else fixed)

        return Compiled(run, plain=True)

    def _among(self, items: Any) -> frozenset[Json] | None:
        return frozenset(map(self._told, items)) if isinstance(items, list) else None

    def _split(self, compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
        if arguments and not isinstance(arguments[0], list):
            arguments = [self._subject(compilation, arguments[0]), *arguments[1:]]
        return fractional.split(compilation, arguments)

    def _subject(self, compilation: Compilation, rule: Json) -> Json:
        """The same, with hashes where they do as well: by themselves, or put together with other texts."""
        if self._hashed(compilation, rule):
            return {_BUCKET: self._hashed(compilation, rule)}
        if isinstance(rule, dict) and rule.keys() == {"cat"}:
            texts = rule["cat"] if isinstance(rule["cat"], list) else [rule["cat"]]
            return {"cat": [self._subject(compilation, each) for each in texts]}
        return rule


def _hash_itself(compilation: Compilation, arguments: Sequence[Json]) -> Compiled:
    """v2 buckets by texts alone, and a hash is a text whatever was hashed."""
    (name,) = arguments
    texts_only = compilation.bucketing is Bucketing.V2

    def run(scope: Any) -> Any:
        value = scope.get(name)
        return _not_known(scope) if value and (value[0] == "j" or (texts_only and value[0] != "s")) else value

    return Compiled(run)


def _each(compilation: Compilation, rules: Sequence[Json], names: Sequence[str | None] = ()) -> list[Compiled]:
    named = [*names, *[None] * (len(rules) - len(names))]
    return [
        compilation.compile(rule) if name is None else Compiled(_reading(name))
        for rule, name in zip(rules, named, strict=True)
    ]


def _reading(name: str) -> Any:
    return lambda scope: scope.get(name)


def _not_known(_scope: Any) -> NoReturn:
    raise NotKnown


def _equal(a: Json, b: Json, *, strict: bool) -> bool:
    """Of tokens; what JsonLogic converts before it compares is not known of a hash."""
    kinds = {_kind(a), _kind(b)}
    if "j" in kinds and not (strict and len(kinds) == 1):
        raise NotKnown  # two objects are loosely equal only when they are the same one
    if a == b:
        return True
    if len(kinds) == 1 or kinds == {"", "s"} or (strict and kinds != {"b", "n"}):
        return False
    raise NotKnown


def _listed(needle: Json, among: frozenset[Json] | None) -> bool:
    if among is None:
        raise NotKnown
    kinds = {_kind(needle), *map(_kind, among)}
    if needle in among:
        return True
    if _kind(needle) in {"b", "n"} and {"b", "n"} <= kinds:
        raise NotKnown  # true is 1 in a list
    return False


def _kind(token: Json) -> str:
    """Empty for null."""
    return "" if token is None else (token[:1] or "s")
