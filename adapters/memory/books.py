"""Books and scopes in memory, where one transaction runs at a time."""

from adapters.memory.rows import Rows
from application.ports.periods import EntityBooks
from domain.errors import Stale
from domain.periods import BooksInUse, Scope


class MemoryBooks:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, entity: str, *, lock: bool = False) -> EntityBooks | None:
        del lock
        return self._rows.books.get(entity)

    async def at(self, entity: str, version: int) -> EntityBooks | None:
        return self._rows.books_written.get((entity, version))

    async def all(self) -> list[EntityBooks]:
        return [self._rows.books[entity] for entity in sorted(self._rows.books)]

    async def put(self, books: EntityBooks) -> None:
        before = self._rows.books.get(books.entity)
        _follows(before, books.version)
        if before and before.calendar != books.calendar and any(key.entity == books.entity for key in self._rows.gates):
            raise BooksInUse
        self._rows.books[books.entity] = self._rows.books_written[books.entity, books.version] = books

    async def scopes(self) -> list[Scope]:
        return [self._rows.scopes[code] for code in sorted(self._rows.scopes)]

    async def put_scope(self, scope: Scope) -> None:
        _follows(self._rows.scopes.get(scope.code), scope.version)
        self._rows.scopes[scope.code] = scope


def _follows(before: EntityBooks | Scope | None, version: int) -> None:
    if (before.version if before else 0) != version - 1:
        raise Stale(expected=version - 1)
