"""What customers met is reported every second; a report that failed is sent again as it was, until it is taken."""

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import httpx2

from examples.shop.changegate import Access
from examples.shop.measures import BOUNDS_S, Measures, Window

EVERY_S = 1.0
PATIENCE_S = 1.0
LAST_TRIES = 3

log = logging.getLogger(__name__)


def body_of(environment: str, flag: str, windows: Mapping[str, Window]) -> bytes:
    """One batch under an id of its own, which makes it count once however often it arrives."""
    window_end = datetime.now(UTC).isoformat()
    samples = [
        {
            "environment": environment,
            "key": flag,
            "variant": variant,
            "window_end": window_end,
            "requests": window.requests,
            "errors": window.errors,
            "buckets": [
                {"le": None if math.isinf(bound) else bound, "count": count}
                for bound, count in zip(BOUNDS_S, window.counts, strict=True)
            ],
        }
        for variant, window in windows.items()
    ]
    return json.dumps({"batch": uuid4().hex, "samples": samples}).encode()


class Reports:
    """At most one batch is under way; what happens meanwhile waits in the next window, so memory stays bounded."""

    def __init__(self, origin: str, access: Access, flag: str, measures: Measures) -> None:
        self._url = f"{origin.rstrip('/')}/api/v1/telemetry"
        self._access = access
        self._flag = flag
        self._measures = measures
        self._pending: bytes | None = None
        self._taken = True

    async def run(self, stop: asyncio.Event) -> None:
        """Report until `stop`, and then what is left, as far as Changegate still answers."""
        async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            while not stop.is_set():
                try:
                    async with asyncio.timeout(EVERY_S):
                        await stop.wait()
                except TimeoutError:
                    await self._report(client)
            for _ in range(LAST_TRIES):
                await self._report(client)

    async def _report(self, client: httpx2.AsyncClient) -> None:
        if self._pending is None:
            windows = self._measures.take_windows()
            if not windows:
                return
            self._pending = body_of(self._access.environment, self._flag, windows)
        headers = {**self._access.headers(), "Content-Type": "application/json"}
        try:
            response = await client.post(self._url, content=self._pending, headers=headers)
            problem = None if response.is_success else f"status {response.status_code}"
        except httpx2.HTTPError as error:
            problem = type(error).__name__
        if problem is None:
            self._pending = None
        elif self._taken:
            log.warning("a report was not taken and will be sent again: %s", problem)
        self._taken = problem is None
