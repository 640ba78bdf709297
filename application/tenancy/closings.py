"""Whoever remembers callers forgets them all when a tenant is closed: that is rare, and asking anew is cheap."""

from application.ports.store import News


class Closings:
    """`count` moves when a tenant was deleted anywhere, or when that may have been missed."""

    def __init__(self, news: News | None = None) -> None:
        """Without news nobody is heard of, and the count stands still."""
        self._news = news
        self.count = 0

    async def follow(self) -> None:
        """Runs as long as the process."""
        if self._news is not None:
            async for _ in self._news.listen():
                self.count += 1
