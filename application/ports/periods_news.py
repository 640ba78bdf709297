"""Word of what changed in years, books and gates."""

from collections.abc import AsyncIterator
from typing import Protocol
from uuid import UUID


class PeriodNews(Protocol):
    """Whose periods were changed, by whichever process. While `line` stays the same, nothing was lost on it."""

    @property
    def line(self) -> int: ...
    @property
    def silence(self) -> float:
        """Seconds since the line last showed that everything committed by then had been heard; infinite before."""
        ...

    def listen(self) -> AsyncIterator[UUID | None]:
        """The tenant; None says that news of any may have been lost."""
        ...
