"""A value is shown whole where it is small, and otherwise by its beginning: an explanation stays readable."""

import math
from typing import Any, Final

from domain.flags.limits import LARGEST_NUMBER
from domain.json_value import Json

MOST_CHARACTERS: Final = 200
"""Of texts, and in all of a list or an object."""
_MORE: Final = "…"


def brief(value: Any) -> Json:
    """As JSON that every client can hold: numbers that are none, or too large to be exact, are texts."""
    return _Brief().of(value)


class _Brief:
    def __init__(self) -> None:
        self._left = MOST_CHARACTERS

    def of(self, value: Any) -> Json:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list | dict):
            self._left -= 2
            return self._list(value) if isinstance(value, list) else self._object(value)
        self._left -= 4
        if value is None or isinstance(value, bool):
            return value
        exact = isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_NUMBER
        return value if exact else self._text(str(value))

    def _text(self, text: str) -> str:
        room = max(self._left, 1)
        self._left -= len(text) + 2
        return text if len(text) <= room else text[: room - 1] + _MORE

    def _list(self, items: list[Any]) -> list[Json]:
        shown: list[Json] = []
        for item in items:
            if self._left <= 0:
                return [*shown, f"{_MORE} {len(items) - len(shown)} more"]
            shown.append(self.of(item))
        return shown

    def _object(self, members: dict[str, Any]) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        for name, value in members.items():
            if self._left <= 0:
                return {**shown, _MORE: f"{len(members) - len(shown)} more"}
            shown[self._text(name)] = self.of(value)
        return shown
