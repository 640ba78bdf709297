"""Messages that must go out, and how far commands have brought them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from application.ports.records import Notice, NoticeProgress


class Notices(Protocol):
    """Written with the change that causes them."""

    async def add(self, notices: Sequence[Notice]) -> set[UUID]: ...  # gives those that were not there before
    async def get(self, notice: UUID) -> Notice | None: ...
    async def delivered(self, notice: UUID) -> None: ...
    async def follow(self, moves: Sequence[NoticeProgress]) -> None: ...  # what was delivered stays that
