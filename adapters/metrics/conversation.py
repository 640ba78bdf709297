"""What may be answered yet is asked up to three times, and what came back is remembered by its hash."""

import random
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, TypeVar

from adapters.metrics.answers import Unanswered
from domain.gates import Provenance

_Answer = TypeVar("_Answer")

TRIES: Final = 3
BACKOFF_S: Final = 0.25


class Conversation:
    """Its provenance names every query by what it was asked for."""

    def __init__(self, pause: Callable[[float], Awaitable[None]]) -> None:
        self._pause = pause
        self._queries: dict[str, str] = {}
        self._hash = sha256()

    @property
    def provenance(self) -> Provenance:
        return Provenance(dict(self._queries), self._hash.hexdigest())

    def name(self, name: str, query: str) -> None:
        self._queries[name] = query

    async def answered(self, ask: Callable[[], Awaitable[tuple[bytes, _Answer]]]) -> _Answer:
        """What the body of the first answer says; a pause is never shorter than the one that was asked for."""
        for attempt in range(TRIES - 1):
            try:
                return self._heard(*await ask())
            except Unanswered as unanswered:
                if not unanswered.again:
                    raise
                await self._pause(max(BACKOFF_S * 2**attempt * random.uniform(0.5, 1.5), unanswered.wait))
        return self._heard(*await ask())

    def _heard(self, body: bytes, answer: _Answer) -> _Answer:
        self._hash.update(body)
        return answer
