"""A constraint says how far those below may go; the broader one always stands, and a denial beats a permission."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from domain.canonical import Json, canonical_bytes
from domain.errors import Fault, Invalid
from domain.flags.limits import Faults, pointer
from domain.settings.merging import compared
from domain.settings.values import UNSET, SettingType, Unset, json_faults, type_faults

MOST_LISTED = 1_000
"""Values that one constraint may allow, or deny."""

_FIELDS = ("minimum", "maximum", "allowed", "denied")


@dataclass(frozen=True)
class Constraint:
    """Bounds are numbers or durations, inclusive; None is no bound, and `allowed` None is any value.

    A value without a size, null included, is within no bounds: a ceiling that null could pass under would be none.
    """

    minimum: Json = None
    maximum: Json = None
    allowed: tuple[Json, ...] | None = None
    denied: tuple[Json, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Only what it constrains."""
        bounds = {name: getattr(self, name) for name in ("minimum", "maximum") if getattr(self, name) is not None}
        allowed = {} if self.allowed is None else {"allowed": list(self.allowed)}
        return bounds | allowed | ({"denied": list(self.denied)} if self.denied else {})

    def faults(self, value: Json, path: str = "") -> Faults:
        """What this constraint has against a JSON value."""
        messages = []
        if self.minimum is not None and compared(value, self.minimum) in (None, -1):
            messages.append(f"expected at least {self.minimum}")
        if self.maximum is not None and compared(value, self.maximum) in (None, 1):
            messages.append(f"expected at most {self.maximum}")
        if not self._permits(value):
            messages.append("expected a value that is allowed here")
        return [Fault(path, message) for message in messages]

    def clamped(self, value: Json) -> Json | Unset:
        """The value itself where it is within, else the nearest bound; UNSET where that is not allowed either."""
        nearest = self._nearest(value)
        return nearest if nearest is UNSET or self._permits(nearest) else UNSET

    def narrowed(self, narrower: "Constraint") -> "Constraint":
        """Both at once. A narrower bound beyond this constraint's bounds gives way to them: the broader one stands."""
        allowed = self.allowed if narrower.allowed is None else narrower.allowed
        if self.allowed is not None and narrower.allowed is not None:
            wanted = _bytes_of(narrower.allowed)
            allowed = tuple(value for value in self.allowed if canonical_bytes(value) in wanted)
        denied = self.denied + tuple(value for value in narrower.denied if canonical_bytes(value) not in self._denials)
        return Constraint(
            self._moved(narrower.minimum, self.minimum), self._moved(narrower.maximum, self.maximum), allowed, denied
        )

    def _moved(self, bound: Json, own: Json) -> Json:
        nearest = UNSET if bound is None else self._nearest(bound)
        return own if nearest is UNSET else nearest

    def _nearest(self, value: Json) -> Json | Unset:
        for bound, beyond in ((self.minimum, -1), (self.maximum, 1)):
            order = 0 if bound is None else compared(value, bound)
            if order is None:
                return UNSET
            if order == beyond:
                return bound
        return value

    def _permits(self, value: Json) -> bool:
        if self.allowed is None and not self.denied:
            return True
        wanted = canonical_bytes(value)
        return wanted not in self._denials and (self._allowances is None or wanted in self._allowances)

    @cached_property
    def _allowances(self) -> frozenset[bytes] | None:
        return None if self.allowed is None else _bytes_of(self.allowed)

    @cached_property
    def _denials(self) -> frozenset[bytes]:
        return _bytes_of(self.denied)


def parse_constraint(raw: Json) -> Constraint:
    """The constraint in `raw`, where null counts as absent; `Invalid` with every fault, one that admits nothing too."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a constraint is an object")])
    faults = [Fault(pointer("", name), "unknown field") for name in sorted(map(str, raw.keys() - set(_FIELDS)))]
    minimum, maximum, allowed, denied = (raw.get(name) for name in _FIELDS)
    faults += [*_bound_faults(minimum, "/minimum"), *_bound_faults(maximum, "/maximum")]
    faults += [*_list_faults(allowed, "/allowed"), *_list_faults(denied, "/denied")]
    if not faults:
        listed = None if allowed is None else tuple(allowed)
        constraint = Constraint(minimum, maximum, listed, tuple(denied or ()))
        faults = list(_sense_faults(constraint))
    if faults:
        raise Invalid(faults)
    return constraint


def _bytes_of(values: Iterable[Json]) -> frozenset[bytes]:
    return frozenset(map(canonical_bytes, values))


def _bound_faults(bound: Json, path: str) -> Faults:
    if bound is None or not type_faults(SettingType.NUMBER, bound) or not type_faults(SettingType.DURATION, bound):
        return []
    return [Fault(path, "expected a number, or a duration such as P1D or PT5M")]


def _list_faults(values: Json, path: str) -> Faults:
    if values is None:
        return []
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_LISTED:
        return [Fault(path, f"expected an array of 1 to {MOST_LISTED} values")]
    return [fault for place, value in enumerate(values) for fault in json_faults(value, pointer(path, place))]


def _sense_faults(constraint: Constraint) -> Iterable[Fault]:
    if constraint == Constraint():
        yield Fault("", "expected at least one of " + ", ".join(_FIELDS))
    if None not in (constraint.minimum, constraint.maximum):
        order = compared(constraint.minimum, constraint.maximum)
        if order is None:
            yield Fault("/maximum", "expected the same kind of bound as the minimum")
        elif order > 0:
            yield Fault("/maximum", "expected at least the minimum")
    if constraint.allowed is not None and all(constraint.faults(value) for value in constraint.allowed):
        yield Fault("/allowed", "expected a value that the rest of the constraint leaves")
