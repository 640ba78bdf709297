"""Datadog as its documents describe it: counts in buckets, over real HTTP on loopback."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from tests.contract.twins import Answer, Asked, listening

SUNDAY = datetime(2026, 1, 4, tzinfo=UTC)
NOON = datetime(2026, 1, 7, 12, 30, tzinfo=UTC)
RATES = {"requests": 60, "errors": 6, "latency": 40}
KEYS = ("the-api-key", "the-app-key")


class Twin:
    """Counts so many a minute since `since`; `late` minutes before its present have not come in yet."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.since = SUNDAY
        self.late: dict[int, int] = {}
        self.tenants: tuple[str, ...] = ()
        self.point: Callable[[list[Any]], list[Any]] = lambda point: point
        self.series: Callable[[list[Any]], list[Any]] = lambda series: series
        self.other: Answer | None = None

    def listening(self) -> AbstractAsyncContextManager[tuple[str, list[Asked]]]:
        return listening(self.answer)

    def answer(self, asked: Asked) -> Answer:
        assert (asked.headers["dd-api-key"], asked.headers["dd-application-key"]) == KEYS
        if asked.path == "/api/v1/validate":
            return Answer({"valid": True}, at=self.now)
        assert asked.path == "/api/v1/query"
        return self.other or Answer({"status": "ok", "series": self.series(self.all(asked.fields))}, at=self.now)

    def all(self, asked: dict[str, str]) -> list[Any]:
        found = re.search(
            r"sum:shop\.(\w+)\{([^}]*)\}(?: by \{(\w+)\})?\.as_count\(\)\.rollup\(sum, (\d+)\)", asked["query"]
        )
        assert found is not None, asked["query"]
        metric, _, by, width = found.groups()
        tags = {"tenant": self.tenants, "upper_bound": ("0.1", "inf"), None: ("",)}[by]
        points = self.points(RATES[metric], int(asked["from"]), int(asked["to"]), int(width))
        return [{"tag_set": [f"{by}:{tag}"] if by else [], "pointlist": list(map(self.point, points))} for tag in tags]

    def points(self, rate: int, start: int, end: int, width: int) -> list[list[Any]]:
        """As Datadog does, the bucket around `end` as well, and nothing of what it has not heard yet."""
        found = []
        for at in range(start, end + 1, width):
            minutes = [minute for minute in range(at, at + width, 60) if self.heard(minute)]
            if minutes:
                found.append([at * 1000.0, float(rate * len(minutes))])
        return found

    def heard(self, minute: int) -> bool:
        known = self.late.get(minute, 0) <= 0
        return self.since.timestamp() <= minute < self.now.timestamp() and known
