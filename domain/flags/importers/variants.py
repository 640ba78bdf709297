"""Each value that a flag can have gets a name: the one that it had, or one that tells the value."""

from dataclasses import dataclass, field

from domain.canonical import Json, canonical_bytes
from domain.flags.importers.reports import Untranslatable

_LONGEST = 60


@dataclass
class Variants:
    """`named` are the variants so far."""

    named: dict[str, Json] = field(default_factory=dict)
    _known: dict[tuple[str | None, bytes], str] = field(default_factory=dict)

    def name(self, value: Json, wished: str | None = None) -> str:
        """The variant that has this value and, if it is free, this name; the same for the same."""
        if value is None or isinstance(value, list):
            raise Untranslatable("one of its values is null or a list")
        try:
            known = (wished, canonical_bytes(value))
        except ValueError:
            raise Untranslatable("one of its values is a number or a text that not every client can hold") from None
        if known not in self._known:
            self._known[known] = self._free(wished or _words(value))
            self.named[self._known[known]] = value
        return self._known[known]

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self.named:
            number += 1
            free = f"{name}-{number}"
        return free


def _words(value: Json) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return "object"
    text = str(value)
    return text if 0 < len(text) <= _LONGEST else "text"
