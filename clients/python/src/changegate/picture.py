"""What is in force at one scope, as it was last told: never changed, only replaced by a newer one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from changegate.errors import SecretNotKept, Unset, WrongType
from changegate.models import Effective, Json

SECRET: Final = "secret"  # noqa: S105 -- the name of a type
NOTHING: Final[Any] = object()
"""No default was given, which is not the default None."""


@dataclass(frozen=True, slots=True)
class Held:
    """One value: until `until`, after which `then` holds, if it was told in advance."""

    type: str
    value: Json
    found: bool
    seconds: float | None = None
    until: float | None = None
    then: "Held | None" = None

    @classmethod
    def of(cls, told: Effective) -> "Held":
        until = None if told.next_change is None else told.next_change.timestamp()
        return cls(told.type, told.value, told.found, told.seconds, until)

    def at(self, now: float) -> "Held":
        """`now` in seconds since 1970; what was not told in advance goes on."""
        held = self
        while held.until is not None and now >= held.until and held.then is not None:
            held = held.then
        return held


@dataclass(frozen=True)
class Change:
    """One setting that is told differently than before; of a secret only that it is."""

    key: str
    before: Json
    after: Json


@dataclass(frozen=True)
class Picture:
    """Every value at one scope by key; `epoch` is that of the server when the newest of them was read.

    None is older than `whole`, when all were read; `parts` counts those that were read alone since.
    """

    values: Mapping[str, Held] = field(default_factory=dict)
    epoch: int = 0
    whole: int = 0
    parts: int = 0

    def held(self, key: str, now: float) -> Held | None:
        held = self.values.get(key)
        return held if held is None or held.until is None else held.at(now)

    def next_change(self, now: float) -> float | None:
        """The next instant at which something planned takes effect."""
        times = (each.at(now).until for each in self.values.values())
        return min((at for at in times if at is not None and at > now), default=None)

    def with_values(self, values: Iterable[tuple[str, Held]], epoch: int) -> "Picture":
        new = dict(values)
        return Picture({**self.values, **new}, epoch, self.whole, self.parts + len(new))


def read(held: Held | None, key: str, default: Any, kind: Any) -> Any:
    """The value as the program wants it; SecretNotKept, Unset without a default, WrongType."""
    if held is None or (not held.found and held.type != SECRET):
        if default is NOTHING:
            raise Unset(f"{key} has no value here, and no default was given")
        return default
    if held.type == SECRET:
        raise SecretNotKept(f"{key} is a secret; read it with reveal({key!r})")
    if kind is None:
        return own(held.value)
    return typed(held, key, kind)


def typed(held: Held, key: str, kind: Any) -> Any:
    """A boolean is no number, a whole number counts as a float, and a duration is a timedelta."""
    value = held.value
    if kind is timedelta and held.seconds is not None:
        return timedelta(seconds=held.seconds)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WrongType(f"{key} is {_name(value)}, and {getattr(kind, '__name__', kind)} is expected")
    return own(value)


def own(value: Json) -> Json:
    """Lists and objects are the caller's own: what the caller does to them nobody else sees."""
    if isinstance(value, dict):
        return {name: own(inner) for name, inner in value.items()}
    return [own(inner) for inner in value] if isinstance(value, list) else value


def changes(before: Picture, after: Picture, then: float, now: float) -> list[Change]:
    """What is in force `now` as `after` tells it, and was not `then` as `before` told it."""
    found = []
    for key in sorted({*before.values, *after.values}):
        old, new = before.held(key, then), after.held(key, now)
        if _seen(old) != _seen(new):
            found.append(Change(key, _shown(old), _shown(new)))
    return found


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _seen(held: Held | None) -> tuple[object, ...]:
    if held is None or (not held.found and held.type != SECRET):
        return ()
    return held.type, repr(held.value), held.seconds


def _shown(held: Held | None) -> Json:
    return None if held is None or held.type == SECRET else own(held.value)


def _name(value: Json) -> str:
    return "null" if value is None else type(value).__name__
