"""Links in memory: a token is a number that only this object knows."""

from collections.abc import Callable
from datetime import datetime

from application.ports.links import Link, LinkExpired, LinkForged


class MemoryLinkSeals:
    """Answers `application.ports.links.LinkSeals`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._issued: list[Link] = []

    def issue(self, link: Link) -> str:
        if link not in self._issued:
            self._issued.append(link)
        return f"link-{self._issued.index(link)}"

    def read(self, token: str) -> Link:
        number = token.removeprefix("link-")
        if not token.startswith("link-") or not number.isdecimal() or int(number) >= len(self._issued):
            raise LinkForged
        link = self._issued[int(number)]
        if self._now() >= link.expires_at:
            raise LinkExpired
        return link
