"""A predicate asks one thing of one key; without one the key is asked to be on: set, not null and not false."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.canonical import Json, canonical_bytes
from domain.errors import Fault
from domain.flags.limits import Faults, pointer
from domain.settings.fields import KEY_PATTERN, LONGEST_KEY
from domain.settings.values import json_faults

MOST_ALTERNATIVES = 100

Image = Mapping[str, Json]
"""The effective value of every key that is set at one leaf scope, as it is after the whole batch."""


class PredicateKind(StrEnum):
    """`PRESENT` is set and not null, so false counts; `TRUE` is true itself; null is equal to null alone."""

    ON = "on"
    EQUALS = "equals"
    IN = "in"
    PRESENT = "present"
    TRUE = "true"


_SPOKEN = tuple(kind for kind in PredicateKind if kind is not PredicateKind.ON)


@dataclass(frozen=True)
class Predicate:
    """`wanted` holds the canonical bytes of the values that `equals` and `in` accept: 1 is 1.0, and never true."""

    kind: PredicateKind = PredicateKind.ON
    wanted: tuple[bytes, ...] = ()
    written: Json = None

    def holds(self, image: Image, key: str) -> bool:
        if key not in image:
            return False
        value = image[key]
        match self.kind:
            case PredicateKind.ON:
                return value is not None and value is not False
            case PredicateKind.PRESENT:
                return value is not None
            case PredicateKind.TRUE:
                return value is True
            case _:
                return canonical_bytes(value) in self.wanted


@dataclass(frozen=True)
class Condition:
    """A key, and what is asked of it."""

    key: str
    predicate: Predicate = Predicate()

    def holds(self, image: Image) -> bool:
        return self.predicate.holds(image, self.key)

    def to_json(self) -> dict[str, Json]:
        if self.predicate.kind is PredicateKind.ON:
            return {"key": self.key}
        return {"key": self.key, "is": {str(self.predicate.kind): self.predicate.written}}


def key_faults(key: Json, path: str) -> Faults:
    if isinstance(key, str) and len(key) <= LONGEST_KEY and KEY_PATTERN.fullmatch(key):
        return []
    return [Fault(path, f"expected a key of at most {LONGEST_KEY} characters that matches ^{KEY_PATTERN.pattern}$")]


def condition_faults(raw: Json, path: str) -> Faults:
    """What keeps `raw` from being `{"key": ..., "is": PREDICATE}`, where `is` may be absent."""
    if not isinstance(raw, dict):
        return [Fault(path, "expected an object with a key, and with what it is")]
    unknown = [Fault(pointer(path, name), "unknown field") for name in sorted(map(str, raw.keys() - {"key", "is"}))]
    predicate = _predicate_faults(raw["is"], f"{path}/is") if "is" in raw else []
    return unknown + key_faults(raw.get("key"), f"{path}/key") + predicate


def condition_of(raw: Mapping[str, Json]) -> Condition:
    """The condition in `raw`, which has no faults."""
    ((name, written),) = raw.get("is", {PredicateKind.ON: None}).items()
    kind = PredicateKind(name)
    values = [written] if kind is PredicateKind.EQUALS else written if kind is PredicateKind.IN else []
    return Condition(raw["key"], Predicate(kind, tuple(map(canonical_bytes, values)), written))


def _predicate_faults(raw: Json, path: str) -> Faults:
    if not isinstance(raw, dict) or len(raw) != 1 or not raw.keys() <= set(_SPOKEN):
        return [Fault(path, "expected an object with one of " + ", ".join(_SPOKEN))]
    ((name, wanted),) = raw.items()
    inner = f"{path}/{name}"
    if name == PredicateKind.EQUALS:
        return json_faults(wanted, inner)
    if name == PredicateKind.IN:
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_ALTERNATIVES:
            return [Fault(inner, f"expected an array of 1 to {MOST_ALTERNATIVES} values")]
        return json_faults(wanted, inner)
    return [] if wanted is True else [Fault(inner, "expected true")]
