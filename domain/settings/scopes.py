"""A scope is a place in the tree of one tenant: the tenant itself is the root, and the broad contains the narrow."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from domain.errors import Fault, Invalid

ROOT_KIND = "tenant"
KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,29}")
NAME_PATTERN = re.compile(r"[A-Za-z0-9_.@-]{1,100}")
MOST_STEPS = 16
FALLBACK_KIND = "environment"
FALLBACK = "environment:staging"
"""Where production has what staging says of a key that falls back to it: before the tenant itself, and for no hand."""
LOCKS = tuple(f"~{depth}" for depth in range(8))
"""Where tenants above this one say something of a key, the one at the top first: before all else, for no hand here."""
BEYOND = frozenset({*LOCKS, FALLBACK})
"""Where nothing is written by whoever writes settings of this tenant."""


@dataclass(frozen=True, order=True)
class Scope:
    """Steps `kind:name` from broad to narrow, joined by `/`; no steps, the empty text, are the tenant itself.

    Scopes sort by their text, so each one stands before those that it contains. No scope exists that is not valid.
    """

    text: str = ""

    def __post_init__(self) -> None:
        message = _fault_of(self.text)
        if message is not None:
            raise Invalid([Fault("/scope", message)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The scope that `text` names; `Invalid` when it names none of the tenant's own."""
        if text in LOCKS:
            raise Invalid([Fault("/scope", "expected a scope of this tenant")])
        return cls(text)

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(self.text.split("/")) if self.text else ()

    @property
    def depth(self) -> int:
        """0 for the tenant itself."""
        return len(self.steps)

    @property
    def kind(self) -> str:
        """What the narrowest step is: `tenant` for the root."""
        return self.text.rpartition("/")[2].partition(":")[0] or ROOT_KIND

    def ancestors(self) -> tuple["Scope", ...]:
        """Every scope on the way, the root first and this one last."""
        steps = self.steps
        return tuple(Scope("/".join(steps[:count])) for count in range(len(steps) + 1))

    def contains(self, other: "Scope") -> bool:
        """Whether `other` is this scope or stands below it."""
        return not self.text or self.text == other.text or other.text.startswith(f"{self.text}/")


def chained(texts: Iterable[str], said: Mapping[str, object]) -> list[str]:
    """The scopes of a chain from broad to narrow, where `said` has those that say something of the key."""
    own = [text for text in texts if text not in BEYOND]
    if said.keys().isdisjoint(BEYOND):
        return own
    return [*(text for text in (*LOCKS, FALLBACK) if text in said), *own]


def _fault_of(text: object) -> str | None:
    if not isinstance(text, str):
        return "expected the text of a scope"
    steps = text.split("/") if text and text not in LOCKS else []
    if len(steps) > MOST_STEPS:
        return f"expected at most {MOST_STEPS} steps"
    for step in steps:
        kind, colon, name = step.partition(":")
        if not colon or KIND_PATTERN.fullmatch(kind) is None or NAME_PATTERN.fullmatch(name) is None:
            return (
                f"expected steps kind:name joined by /, each matching ^{KIND_PATTERN.pattern}:{NAME_PATTERN.pattern}$"
            )
        if kind == ROOT_KIND:
            return f"expected a kind other than {ROOT_KIND}, which is the root"
    return None
