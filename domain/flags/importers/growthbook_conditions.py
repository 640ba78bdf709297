"""Conditions of GrowthBook, which look like questions to a document store, as rules."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from domain.canonical import Json
from domain.flags.combining import either, every, negated, number, present
from domain.flags.importers.building import SUBJECT, among, attribute, text
from domain.flags.importers.patterns import matching
from domain.flags.importers.reports import Untranslatable
from domain.flags.limits import DEEPEST

_ORDERED: Final = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
_VERSIONS: Final = {"$veq": "=", "$vlt": "<", "$vlte": "<=", "$vgt": ">", "$vgte": ">="}


def value_of(name: str) -> Json:
    """An attribute by its dotted path; `id` is the targeting key."""
    return SUBJECT if name == "id" else attribute(*name.split("."))


class Conditions:
    def __init__(self, groups: Mapping[str, Json]) -> None:
        self._groups = groups

    def rule(self, condition: Json, depth: int = 0) -> Json:
        """Whether all of the condition holds."""
        if not isinstance(condition, dict):
            raise Untranslatable("one of its conditions is no object")
        if depth > DEEPEST:
            raise Untranslatable(f"its conditions are nested deeper than {DEEPEST} levels")
        return every([self._part(name, said, depth + 1) for name, said in condition.items()])

    def _part(self, name: str, said: Json, depth: int) -> Json:
        if name == "$not":
            return negated(self.rule(said, depth))
        if name in {"$and", "$or", "$nor"}:
            if not isinstance(said, list):
                raise Untranslatable(f"{name} of one of its conditions is no list")
            rules = [self.rule(each, depth) for each in said]
            if name == "$and":
                return every(rules)
            found = either(rules) if rules else True
            return negated(found) if name == "$nor" else found
        if name.startswith("$"):
            raise Untranslatable(f"there is no operator for {name[:100]!r}")
        return self._field(value_of(name), said, depth)

    def _field(self, value: Json, said: Json, depth: int) -> Json:
        """What is said of one attribute: operators, or the value that it is to have."""
        if depth > DEEPEST:
            raise Untranslatable(f"its conditions are nested deeper than {DEEPEST} levels")
        if isinstance(said, dict) and said and all(name.startswith("$") for name in said):
            return every([self._operator(value, name, each, depth + 1) for name, each in said.items()])
        return _equal(value, said)

    def _operator(self, value: Json, name: str, said: Json, depth: int) -> Json:
        if name == "$not":
            return negated(self._field(value, said, depth))
        if name in {"$inGroup", "$notInGroup"}:
            found = among(value, self._group(str(said)))
            return found if name == "$inGroup" else negated(found)
        test = _TESTS.get(name)
        if test is None:
            raise Untranslatable(f"there is no operator for {name[:100]!r}")
        return test(value, said)

    def _group(self, name: str) -> Sequence[Json]:
        """The values of a saved group: a list, or what says that it is one."""
        group = self._groups.get(name)
        values = group.get("values") if isinstance(group, dict) and group.get("type") == "list" else group
        if not isinstance(values, list):
            raise Untranslatable(f"there is no list of the saved group {name[:100]!r} in the document")
        return values


def _equal(value: Json, said: Json) -> Json:
    """As GrowthBook compares: what is of another type is never equal, and null is what is not there."""
    if isinstance(said, list | dict):
        raise Untranslatable("one of its conditions compares with a list or an object")
    return {"===": [value, said]}


def _ordered(operator: str) -> Callable[[Json, Json], Json]:
    def test(value: Json, said: Json) -> Json:
        if isinstance(said, bool) or not isinstance(said, int | float | str):
            raise Untranslatable("one of its conditions is about more or less than what is no number and no text")
        return every([text(value) if isinstance(said, str) else number(value), {operator: [value, said]}])

    return test


def _listed(value: Json, said: Json) -> Json:
    if not isinstance(said, list):
        raise Untranslatable("$in of one of its conditions is no list")
    return among(value, said)


def _unlisted(value: Json, said: Json) -> Json:
    return negated(_listed(value, said))


def _versions(operator: str) -> Callable[[Json, Json], Json]:
    return lambda value, said: {"sem_ver": [value, operator, str(said)]}


def _matches(value: Json, said: Json) -> Json:
    return matching(value, str(said))


_TESTS: dict[str, Callable[[Json, Json], Json]] = {
    "$eq": _equal,
    "$ne": lambda value, said: negated(_equal(value, said)),
    "$in": _listed,
    "$nin": _unlisted,
    "$vne": lambda value, said: {"!": [{"sem_ver": [value, "=", str(said)]}]},
    "$exists": lambda value, said: present(value) if said else {"===": [value, None]},
    "$regex": _matches,
    **{name: _ordered(operator) for name, operator in _ORDERED.items()},
    **{name: _versions(operator) for name, operator in _VERSIONS.items()},
}


def holds(condition: Json, value: Json) -> bool:
    """Whether a condition about what another feature gives holds for one of its values."""
    said = condition.get("value") if isinstance(condition, dict) and condition.keys() == {"value"} else {"$": 0}
    if not isinstance(said, dict):
        said = {"$eq": said}
    for name, wanted in said.items():
        test = _OF_PARENT.get(name)
        if test is None:
            raise Untranslatable("a condition about another feature is about more than which value it gives")
        if not test(value, wanted):
            return False
    return True


def _same(value: Json, wanted: Json) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


_OF_PARENT: dict[str, Callable[[Json, Json], bool]] = {
    "$eq": _same,
    "$ne": lambda value, wanted: not _same(value, wanted),
    "$in": lambda value, wanted: isinstance(wanted, list) and any(_same(value, each) for each in wanted),
    "$exists": lambda value, wanted: bool(wanted) is (value is not None),
}
