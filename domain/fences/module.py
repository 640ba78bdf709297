"""A remote module keeps the postings of one scope in a database of its own, behind a gate of its own."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.errors import Fault, Invalid

_CODE = re.compile(r"[A-Z][A-Z0-9_-]{0,39}")
MOST_ENTITIES = 100


@dataclass(frozen=True)
class RemoteModule:
    """`speaker` is the account that acknowledges for it; without `entities` it keeps books of every one.

    One that is not in service is asked nothing, and nothing of it is taken in. With `told_by`, a type of commands, it
    hears of its gates by these, and what their handler returns is its word.
    """

    code: str
    name: str
    scope: str
    speaker: UUID
    entities: frozenset[str] = frozenset()
    in_service: bool = True
    version: int = 1
    told_by: str | None = None

    def serves(self, entity: str, scope: str) -> bool:
        return self.in_service and self.scope == scope and (not self.entities or entity in self.entities)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "scope": self.scope,
            "speaker": str(self.speaker),
            "entities": sorted(self.entities),
            "in_service": self.in_service,
            "version": self.version,
            "told_by": self.told_by,
        }


def check_module(module: RemoteModule) -> None:
    """Invalid unless it is called as modules are."""
    faults = []
    if not _CODE.fullmatch(module.code):
        faults.append(Fault("/path/module", "capital letters, digits, _ and -, as AP or AP-EU"))
    if len(module.entities) > MOST_ENTITIES:
        faults.append(Fault("/entities", f"at most {MOST_ENTITIES}, or none for every one"))
    if faults:
        raise Invalid(faults)


def serving(modules: Iterable[RemoteModule], entity: str, scope: str) -> list[RemoteModule]:
    """Those whose gate it is as well, in the order of their codes."""
    return sorted((each for each in modules if each.serves(entity, scope)), key=lambda each: each.code)
