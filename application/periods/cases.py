"""Everything that people may do with the periods of an entity, over one store."""

from dataclasses import dataclass
from typing import Self

from application.periods.books import Books
from application.periods.exceptions import Exceptions
from application.periods.gating import Gating
from application.periods.looking import Looking
from application.periods.scopes import Scopes
from application.ports.store import Store


@dataclass(frozen=True)
class PeriodCases:
    books: Books
    scopes: Scopes
    gating: Gating
    exceptions: Exceptions
    looking: Looking

    @classmethod
    def over(cls, store: Store) -> Self:
        return cls(Books(store), Scopes(store), Gating(store), Exceptions(store), Looking(store))
