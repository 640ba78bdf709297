"""What a command depends on: what its type names, or one of many receivers that its payload names."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from domain.canonical import Json
from domain.commands.breakers import NAME
from domain.commands.command import CommandType
from domain.commands.limits import LimitScope

DEPENDENCY: Final = rf"{NAME}(:(~[0-9a-f]{{32}}|[a-z0-9][a-z0-9._-]{{0,39}}))?"
_SHORT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_MOST: Final = 80


@dataclass(frozen=True)
class Dependence:
    """Of a type on what it names; `apart` points to the member of the payload that names the receiver."""

    type: str
    name: str
    scope: LimitScope = LimitScope.TENANT
    apart: str | None = None

    @classmethod
    def of(cls, type: str, policy: Json) -> "Dependence | None":  # noqa: A002 -- the command's
        """By what its handler said."""
        name = policy.get("depends_on")
        return cls(type, name, LimitScope(policy["limit_scope"]), policy.get("apart")) if name else None

    def receiver(self, payload: Json) -> str:
        """As webhook:crm, or the name alone where none is named; "" where there are none to tell apart.

        Only a short name is shown as it is: anything else may be of a person, and becomes a digest.
        """
        if self.apart is None:
            return ""
        said: Any = payload
        for member in self.apart[1:].split("/"):
            said = said.get(member) if isinstance(said, dict) else None
        if not isinstance(said, str) or not 1 <= len(said) <= _MOST:
            return self.name
        return f"{self.name}:{said if _SHORT.fullmatch(said) else _digest(said)}"

    def has(self, dependency: str) -> bool:
        """Whether it is what this type depends on, or a receiver of it."""
        name, _, part = dependency.partition(":")
        return name == self.name and (not part or self.apart is not None)


def newest(types: Iterable[CommandType]) -> dict[str, Json]:
    """The policy of each type, by its newest version."""
    return {each.type: each.policy for each in sorted(types, key=lambda each: (each.type, each.schema_version))}


def _digest(said: str) -> str:
    return "~" + hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:32]
