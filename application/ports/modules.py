"""The books of the modules that post in this database, asked through the functions that each of them registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.closures import Balance, Control, Item, PostedSince
from domain.errors import Conflict, Missing


@dataclass(frozen=True, order=True)
class Journal:
    """One journal of a module, and the scope whose gates it obeys."""

    module: str
    scope: str


@dataclass(frozen=True)
class YearClosed:
    """The ids of the closing entries, none where there was nothing to close; by currency what was earned."""

    entries: tuple[str, ...] = ()
    retained_earnings: Mapping[str, Decimal] = field(default_factory=dict)


class ModuleMissing(Missing):
    """No module of this name has a journal here."""

    kind = "module-missing"


class ModuleAnswer(Conflict):
    """A module gave an answer about its books that is none."""

    kind = "module-answer"


class Modules(Protocol):
    """What each says of one entity in one period of this tenant; ModuleMissing, ModuleAnswer."""

    async def journals(self) -> list[Journal]:
        """Of the whole installation, by module."""
        ...

    async def control(self, module: str, entity: str, period: UUID) -> Control: ...
    async def unposted(self, module: str, entity: str, period: UUID) -> list[Item]:
        """Drafts dated in the period."""
        ...

    async def untransferred(self, module: str, entity: str, period: UUID) -> list[Item]:
        """Posted there and not yet in a general ledger; none of a module that transfers nothing."""
        ...

    async def balances(self, module: str, entity: str, period: UUID) -> list[Balance]: ...
    async def posted_since(self, module: str, entity: str, period: UUID, high_water: str | None) -> PostedSince | None:
        """After the entry that the module calls so, or from the first; None of a module that cannot tell."""
        ...

    async def close_year(self, module: str, entity: str, period: UUID, token: UUID, actor: UUID) -> YearClosed:
        """Posts the closing entries under this run token; of a module that has none to post, nothing is done."""
        ...
