"""`flagd.sync.v1.FlagSyncService`: a stream gives a flag set whole, and whole again as soon as a change of it is heard.

There is no GetMetadata: it is deprecated, and clients go on without it where it is not implemented.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Iterator
from typing import Any, Final
from uuid import UUID

import grpc  # type: ignore[import-untyped]  # grpcio brings no types along
import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from api.flagd.admission import Admission
from api.flagd.asking import Asked, asked_of
from api.flagd.messages import SERVICE, FetchAllFlagsRequest, FetchAllFlagsResponse, SyncFlagsRequest
from api.instances import noted
from application.evaluation import Shelf
from application.instances.sightings import Sightings
from domain.errors import Forbidden, Invalid, Missing, Refusal, TooMany, Unauthenticated, Unavailable

MOST_STREAMS: Final = 2_000
"""Of one tenant, in one process."""
_CHECK_SECONDS: Final = 5.0
"""Who streams is asked again for a good token, and seen as an instance, about so often, and not all at one moment."""
_SLOW_SECONDS: Final = 30.0
_STATUS: Final = {
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    Missing: grpc.StatusCode.NOT_FOUND,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    TooMany: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}

log = structlog.get_logger()


class FlagSync:
    """`leave` ends every stream, so that its client goes to another server."""

    def __init__(self, admission: Admission, sightings: Sightings) -> None:
        self._admission = admission
        self._sightings = sightings
        self._left = asyncio.Event()
        self._streams: Counter[UUID] = Counter()

    def leave(self) -> None:
        self._left.set()

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        open_now = sum(self._streams.values())
        yield GaugeMetricFamily(
            "changegate_flagd_streams", "Streams of flagd's protocol that are open.", value=open_now
        )

    def handler(self) -> Any:
        """Answers are bytes already: each revision is written once, for all who read it."""
        ways = {
            "SyncFlags": grpc.unary_stream_rpc_method_handler(self._sync, SyncFlagsRequest.FromString),
            "FetchAllFlags": grpc.unary_unary_rpc_method_handler(self._fetch, FetchAllFlagsRequest.FromString),
        }
        return grpc.method_handlers_generic_handler(SERVICE, ways)

    async def _fetch(self, request: Any, context: Any) -> Any:
        return await _answered(context, self._fetched(request, context))

    async def _sync(self, request: Any, context: Any) -> Any:
        return await _answered(context, self._synced(request, context))

    async def _fetched(self, request: Any, context: Any) -> bytes:
        asked = asked_of(request, context.invocation_metadata(), context.peer())
        picture = (await self._admission.admitted(asked.headers)).held.picture
        told: bytes = FetchAllFlagsResponse(flag_configuration=picture.document.decode()).SerializeToString()
        return told

    async def _synced(self, request: Any, context: Any) -> None:
        asked = asked_of(request, context.invocation_metadata(), context.peer())
        source = (await self._admission.admitted(asked.headers)).held
        if self._streams[source.tenant] >= MOST_STREAMS:
            raise TooMany
        self._streams[source.tenant] += 1
        try:
            await self._stream(asked, context)
        finally:
            self._streams[source.tenant] -= 1
            if asked.passing:
                self._sightings.miss(source.tenant, source.environment, asked.instance.name)

    async def _stream(self, asked: Asked, context: Any) -> None:
        """Whoever reads slowly is given the newest revision next, and none of those that came before it.

        News does not wait for a token to be looked at: that happens in between, for each stream at a moment of its own.
        """
        held, source, due = -1, (await self._admission.admitted(asked.headers)).held, _later()
        while not self._left.is_set():
            if time.monotonic() >= due:
                source, due = (await self._admission.admitted(asked.headers)).held, _later()
            picture = source.picture
            if picture.revision > held:
                await _written(context, picture.message)
                held = picture.revision
            noted(self._sightings, asked.instance, source.tenant, source.environment, flags=held)
            await self._news(source.shelf, held, due)
        raise _Ended(grpc.StatusCode.UNAVAILABLE, "This server leaves; come again.")

    async def _news(self, shelf: Shelf, held: int, due: float) -> None:
        """Until there is a newer revision, the server leaves, or it is time to ask for the token again."""
        waits = [asyncio.ensure_future(shelf.newer(held)), asyncio.ensure_future(self._left.wait())]
        try:
            pause = max(0.0, due - time.monotonic())
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()


def _later() -> float:
    return time.monotonic() + _CHECK_SECONDS * random.uniform(0.6, 1.2)


class _Ended(Exception):
    """The stream ends with a status of its own: some clients do not come again after one that says that all is well."""

    def __init__(self, status: Any, words: str) -> None:
        super().__init__(words)
        self.status = status


async def _written(context: Any, message: bytes) -> None:
    try:
        async with asyncio.timeout(_SLOW_SECONDS):
            await context.write(message)
    except TimeoutError:
        raise _Ended(grpc.StatusCode.DEADLINE_EXCEEDED, "Nobody reads this stream.") from None


async def _answered(context: Any, answer: Awaitable[Any]) -> Any:
    """A refusal is a status with its sentence; a defect is one, too, and stands in the log alone."""
    try:
        return await answer
    except Refusal as refusal:
        faults = [f"{each.path}: {each.message}" for each in refusal.faults] if isinstance(refusal, Invalid) else []
        end = _status_of(refusal), " ".join([str(refusal), *faults])
    except _Ended as ended:
        end = ended.status, str(ended)
    except Exception:
        log.exception("flagd.failed")
        end = grpc.StatusCode.INTERNAL, "Something failed here; the failure has been logged."
    return await context.abort(*end)  # which raises


def _status_of(refusal: Refusal) -> Any:
    return next((_STATUS[kind] for kind in type(refusal).__mro__ if kind in _STATUS), grpc.StatusCode.UNKNOWN)
