"""What keys mean, and rules over several of them, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from application.ports.settings import Rulebook, StoredDefinition


class DefinitionIn(In):
    definition: Object
    reason: Reason


class DefinitionOut(Out):
    key: str
    version: int
    definition: Object
    written_by: UUID | None
    written_at: datetime

    @classmethod
    def of(cls, stored: StoredDefinition) -> "DefinitionOut":
        return cls(
            key=stored.key, version=stored.version, definition=stored.definition, written_by=stored.written_by,
            written_at=stored.written_at,
        )  # fmt: skip


class DefinitionPage(Out):
    items: list[DefinitionOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredDefinition], str | None]) -> "DefinitionPage":
        return cls(items=[DefinitionOut.of(each) for each in page[0]], next_cursor=page[1])


class RulebookIn(In):
    rules: Annotated[list[Object], Field(max_length=1_000)]
    reason: Reason


class RulebookOut(Out):
    version: int
    rules: list[Object]
    written_by: UUID | None
    written_at: datetime | None

    @classmethod
    def of(cls, book: Rulebook) -> "RulebookOut":
        return cls(version=book.version, rules=book.rules, written_by=book.written_by, written_at=book.written_at)
