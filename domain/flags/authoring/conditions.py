"""A condition says whom a rule or a segment is about; it becomes one expression in JsonLogic."""

from collections.abc import Callable, Mapping
from typing import Final

from domain.flags.authoring.places import Place
from domain.flags.combining import either, every, negated, number, present
from domain.flags.semver import COMPARISONS, version_of
from domain.json_value import Json

SUBJECT: Final = "targetingKey"
_ATTRIBUTE: Final = "attribute"


def condition(raw: Json, place: Place) -> Json:
    """The rule that is true where the condition holds."""
    inside = place.below()
    if inside is None:
        return False
    if not isinstance(raw, dict):
        place.fault("expected an object")
        return False
    kinds = [name for name in (*_OF_ATTRIBUTE, *_OTHERS) if name in raw]
    if len(kinds) != 1:
        place.fault("expected exactly one of " + ", ".join((*_OF_ATTRIBUTE, *_OTHERS)))
        return False
    (kind,) = kinds
    if kind in _OTHERS:
        place.members(raw, {kind})
        return _OTHERS[kind](raw[kind], inside.at(kind))
    place.members(raw, {kind, _ATTRIBUTE}, () if kind == "users" else (_ATTRIBUTE,))
    name = place.at(_ATTRIBUTE).text(raw.get(_ATTRIBUTE, SUBJECT))
    return _OF_ATTRIBUTE[kind]({"var": name}, raw[kind], place.at(kind))


def among(value: Json, listed: Json, place: Place) -> Json:
    """The value is one of the listed texts, numbers and booleans."""
    kept = []
    for each, at in place.items(listed):
        if isinstance(each, str | int | float):
            kept.append(each)
        else:
            at.fault("expected a text, a number or a boolean")
    return {"in": [value, kept]}


def _users(value: Json, said: Json, place: Place) -> Json:
    return {"in": [value, place.texts(said)]}


def _addresses(value: Json, said: Json, place: Place) -> Json:
    rules = [at.made({"ip_range": [value, at.text(each)]}) for each, at in place.items(said)]
    return {"ip_range": [value, *(rule["ip_range"][1] for rule in rules)]}


def _is_not(value: Json, said: Json, place: Place) -> Json:
    return negated(among(value, said, place))


def _any_text(made: Callable[[Json, str], Json]) -> Callable[[Json, Json, Place], Json]:
    return lambda value, said, place: either([made(value, text) for text in place.texts(said)])


def _compared(operator: str) -> Callable[[Json, Json, Place], Json]:
    """As numbers: what is absent or a text is neither below nor above anything."""

    def compared(value: Json, said: Json, place: Place) -> Json:
        if isinstance(said, bool) or not isinstance(said, int | float):
            place.fault("expected a number")
        return every([number(value), {operator: [value, said]}])

    return compared


def _version(value: Json, said: Json, place: Place) -> Json:
    sign, version = said if isinstance(said, list) and len(said) == 2 else (None, None)  # noqa: PLR2004  sign, version
    if not isinstance(sign, str) or sign not in COMPARISONS or not isinstance(version, str) or not version_of(version):
        place.fault('expected a sign and a version, such as [">=", "1.2.0"]; signs are ' + " ".join(COMPARISONS))
    return {"sem_ver": [value, sign, version]}


def _exists(value: Json, said: Json, place: Place) -> Json:
    return present(value) if place.switch(said) else negated(present(value))


def _segment(said: Json, place: Place) -> Json:
    name = place.text(said)
    if not place.names_segments:
        place.fault("a segment may not name another")
        return False
    return place.made({"$ref": name})


def _rule(said: Json, place: Place) -> Json:
    return place.rule(said)


def _all(said: Json, place: Place) -> Json:
    return every([condition(each, at) for each, at in place.items(said)])


def _any(said: Json, place: Place) -> Json:
    return either([condition(each, at) for each, at in place.items(said)])


def _not(said: Json, place: Place) -> Json:
    return negated(condition(said, place))


_OF_ATTRIBUTE: Final[Mapping[str, Callable[[Json, Json, Place], Json]]] = {
    "users": _users,
    "addresses": _addresses,
    "is": among,
    "isNot": _is_not,
    "contains": _any_text(lambda value, text: {"in": [text, value]}),
    "startsWith": _any_text(lambda value, text: {"starts_with": [value, text]}),
    "endsWith": _any_text(lambda value, text: {"ends_with": [value, text]}),
    "lessThan": _compared("<"),
    "atMost": _compared("<="),
    "atLeast": _compared(">="),
    "greaterThan": _compared(">"),
    "version": _version,
    "exists": _exists,
}
_OTHERS: Final[Mapping[str, Callable[[Json, Place], Json]]] = {
    "segment": _segment,
    "rule": _rule,
    "all": _all,
    "any": _any,
    "not": _not,
}
