"""A field that is missing is its default, and one that is wrong is a fault with its pointer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from domain.errors import Fault
from domain.pointers import escaped

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_LONGEST = 90 * 86400
MOST_NAMES = 1000


@dataclass(frozen=True)
class Reading:
    """An object of JSON at `path`; what is wrong in it is added to `faults`."""

    raw: dict[str, Any]
    path: str
    faults: list[Fault]

    def fault(self, name: str, detail: str) -> None:
        self.faults.append(Fault(f"{self.path}/{escaped(name)}" if name else self.path, detail))

    def known(self, names: Iterable[str]) -> None:
        for name in sorted(set(self.raw) - set(names)):
            self.fault(name, "unknown field")

    def inner(self, name: str) -> "Reading":
        """The object under this name; an empty one when it is missing or none."""
        raw = self.raw.get(name)
        if raw is not None and not isinstance(raw, dict):
            self.fault(name, "an object")
        return Reading(raw if isinstance(raw, dict) else {}, f"{self.path}/{name}", self.faults)

    def seconds(self, name: str, default: timedelta) -> timedelta:
        name = f"{name}_seconds"
        value = self.raw.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST:
            self.fault(name, "seconds, from 0 to 90 days")
            return default
        return timedelta(seconds=value)

    def number(self, name: str, *, least: float, most: float) -> float | None:
        value = self.raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.fault(name, f"a number from {least:g} to {most:g}")
            return None
        return value

    def share(self, name: str, default: float) -> float:
        if self.raw.get(name) is None:
            return default
        value = self.number(name, least=0, most=1)
        return default if value is None else float(value)

    def count(self, name: str, default: int, most: int) -> int:
        value = self.raw.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.fault(name, f"a whole number from 0 to {most}")
            return default
        return value

    def flag(self, name: str) -> bool:
        value = self.raw.get(name, False)
        if not isinstance(value, bool):
            self.fault(name, "true or false")
            return False
        return value

    def name(self, name: str) -> str | None:
        value = self.raw.get(name)
        if value is None or (isinstance(value, str) and _NAME.fullmatch(value)):
            return value
        self.fault(name, "a name: small letters, digits, dots, dashes and underscores")
        return None

    def texts(self, name: str, default: tuple[str, ...], most: int = MOST_NAMES) -> tuple[str, ...]:
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, list) or len(value) > most:
            self.fault(name, f"a list of at most {most}")
            return default
        wrong = [index for index, each in enumerate(value) if not isinstance(each, str) or not each]
        for index in wrong:
            self.faults.append(Fault(f"{self.path}/{name}/{index}", "a text"))
        return default if wrong else tuple(dict.fromkeys(value))

    def choice(self, name: str, default: Any, kind: type[StrEnum], *, required: bool = False) -> Any:
        value = self.raw.get(name, None if required else default)
        if not isinstance(value, str) or value not in set(kind):
            self.fault(name, "one of " + ", ".join(kind))
            return default
        return kind(value)
