"""Whoever remembers callers forgets them all when a tenant is closed: that is rare, and asking anew is cheap."""

from application.ports.store import News


class Closings:
    """`heard` moves when a tenant was deleted anywhere; `count` does as well, and when that may have been missed."""

    def __init__(self, news: News | None = None) -> None:
        """Without news nobody is heard of, and the count stands still."""
        self._news = news
        self.count = self.heard = 0

    async def follow(self) -> None:
        """Runs as long as the process."""
        if self._news is not None:
            async for closed in self._news.listen():
                self.count += 1
                self.heard += closed is not None
