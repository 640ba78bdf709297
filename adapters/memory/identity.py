"""An assertion is true because this memory issued it."""

import secrets
from collections.abc import Callable
from datetime import datetime

from domain.people.acts import Act, AssertionForged


class MemoryAssertions:
    """Answers `application.ports.identity.Assertions` within one process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._issued: dict[str, Act] = {}

    def issue(self, act: Act) -> str:
        act.check_issue(self._now())
        token = f"act.{secrets.token_urlsafe(32)}"
        self._issued[token] = act
        return token

    def verify(self, token: str) -> Act:
        act = self._issued.get(token)
        if act is None:
            raise AssertionForged(reason="unknown")
        act.check_use(self._now())
        return act
