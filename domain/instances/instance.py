"""An instance is one running process of an application; what it serves from is what it last said that it holds."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from domain.environments import Environment

LIVE: Final = timedelta(minutes=5)
"""Who was seen within this long is live."""
MOST_REVISION: Final = 2**62
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_PART: Final = re.compile(r"(flags|settings)=(0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Holds:
    """The revision of the flag set and the epoch of the settings; None says nothing of them, for who follows none."""

    flags: int | None = None
    settings: int | None = None

    def over(self, before: "Holds") -> "Holds":
        """What it says now, and what it said before of what it is silent about."""
        return Holds(
            before.flags if self.flags is None else self.flags,
            before.settings if self.settings is None else self.settings,
        )


@dataclass(frozen=True)
class Instance:
    environment: Environment
    name: str
    holds: Holds
    seen_at: datetime


@dataclass(frozen=True)
class Wish:
    """What the instances of a place must hold at least; None where nothing of the kind was changed there."""

    tenant: UUID
    environment: Environment
    flags: int | None = None
    settings: int | None = None

    def concerns(self, holds: Holds) -> bool:
        """Who follows nothing of what was changed is not waited for."""
        return _both(self.flags, holds.flags) or _both(self.settings, holds.settings)

    def met(self, holds: Holds) -> bool:
        return _reached(self.flags, holds.flags) and _reached(self.settings, holds.settings)


def is_name(text: str) -> bool:
    """At most 100 letters, digits and the marks `.`, `_`, `:` and `-`."""
    return _NAME.fullmatch(text) is not None


@lru_cache(maxsize=4_096)
def holds_of(text: str) -> Holds | None:
    """From `flags=12,settings=7`, each at most once; None where it says nothing of this form."""
    found: dict[str, int] = {}
    for part in text.replace(" ", "").split(","):
        match = _PART.fullmatch(part)
        if match is None or match[1] in found or int(match[2]) >= MOST_REVISION:
            return None
        found[match[1]] = int(match[2])
    return Holds(**found)


def _both(wanted: int | None, held: int | None) -> bool:
    return wanted is not None and held is not None


def _reached(wanted: int | None, held: int | None) -> bool:
    return wanted is None or held is None or held >= wanted
