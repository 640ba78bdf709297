"""Closes beneath which something was posted, seen across tenants, until they were told."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.ports.store import Store


@dataclass(frozen=True)
class MovedBooks:
    """Those of the close `run`; `seen` names what had been committed when this was found."""

    tenant: UUID
    run: UUID
    seen: str


class MovedBooksStore(Store, Protocol):
    """The store, with the question that is asked of all tenants."""

    async def moved_books(self) -> list[MovedBooks]:
        """Each close once, however often something was posted."""
        ...

    async def moved_books_told(self, moved: MovedBooks) -> None:
        """What was seen is found no more; what was committed since is."""
        ...
