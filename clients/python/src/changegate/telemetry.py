"""What users met is counted by flag and variant, and reported in batches that count once however often they come."""

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, Unpack
from uuid import uuid4

from changegate.errors import Invalid, NotAllowed
from changegate.models import Json
from changegate.naming import own_name
from changegate.transport import TIMEOUT, Place, Transport
from changegate.wire import Call, Token, keyed

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MOST: Final = 1_000
"""Variants in a batch; what comes beyond it is not counted."""
MOST_MET: Final = 100
MOST_WAITING: Final = 30
"""Batches that could not be sent; the oldest goes first."""
THREAD: Final = "changegate-telemetry"

log = logging.getLogger("changegate")


class TelemetryOptions(TypedDict, total=False):
    """`tenant` is its slug, for a token that is good in several; `every` is how many seconds a batch counts for."""

    tenant: str
    every: float
    timeout: float
    allow_http: bool


@dataclass
class Unit:
    """A request, or another piece of work, with the variants that it met."""

    began: float
    met: dict[tuple[str, str], None] = field(default_factory=dict)
    failed: bool = False
    over: bool = False


@dataclass
class _Counts:
    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


_unit: ContextVar[Unit | None] = ContextVar("changegate_unit", default=None)


class Telemetry:
    """Outcomes and latencies by variant, for the gates of rollouts; it never fails or delays what it counts."""

    def __init__(self, url: str, token: Token, *, environment: str, **options: Unpack[TelemetryOptions]) -> None:
        self._place = Place(
            url, token, options.get("tenant"), options.get("timeout", TIMEOUT), options.get("allow_http", False)
        )
        self._place.options()  # a wrong address is told here, and not in the background
        self._environment = environment
        self._every = options.get("every", 10.0)
        self.again()
        atexit.register(self.close)
        _all.add(self)

    def again(self) -> None:
        """Begins with nothing, also in a process that was forked off: what its parent counted the parent tells."""
        self._counts: dict[tuple[str, str], _Counts] = {}
        self._waiting: deque[Json] = deque(maxlen=MOST_WAITING)
        self._counting, self._sending = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def begin(self) -> Unit:
        """What is evaluated in this context from now on belongs to it, until another one begins."""
        unit = Unit(time.monotonic())
        _unit.set(unit)
        return unit

    def met(self, key: str, variant: str) -> None:
        """Of a unit that is not over; outside of any nothing is counted."""
        unit = _unit.get()
        if unit is not None and not unit.over and len(unit.met) < MOST_MET:
            unit.met[key, variant] = None

    def end(self, unit: Unit, *, failed: bool = False) -> None:
        """Counts it, once."""
        if unit.over:
            return
        unit.over = True
        seconds = time.monotonic() - unit.began
        place = next((number for number, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        with self._counting:
            for pair in unit.met:
                counts = self._counts.get(pair)
                if counts is None:
                    if len(self._counts) >= MOST:
                        continue
                    counts = self._counts[pair] = _Counts()
                counts.requests += 1
                counts.errors += failed or unit.failed
                counts.buckets[place] += 1
            if self._counts and self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
                self._thread.start()

    @contextmanager
    def measure(self) -> Iterator[Unit]:
        """A piece of work that is no request; what it raises is an error, and so is `unit.failed = True`."""
        unit = self.begin()
        try:
            yield unit
        except BaseException:
            unit.failed = True
            raise
        finally:
            self.end(unit)

    def flush(self) -> None:
        """Sends what there is; what cannot be sent waits for the next time."""
        with self._sending:
            self._pack()
            if not self._waiting:
                return
            transport = Transport(self._place)
            try:
                self._send(transport)
            finally:
                transport.close()

    def close(self) -> None:
        """Sends what there is, and leaves no thread; calling it again does nothing more."""
        self._closed.set()
        atexit.unregister(self.close)
        _all.discard(self)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.wait(self._every):
            self.flush()

    def _pack(self) -> None:
        with self._counting:
            counts, self._counts = self._counts, {}
        if counts:
            now = datetime.now(UTC).isoformat()
            samples = [self._sample(key, variant, each, now) for (key, variant), each in counts.items()]
            self._waiting.append({"batch": f"{own_name()}/{uuid4()}", "samples": samples})

    def _send(self, transport: Transport) -> None:
        """Oldest first. What the API will never take is not kept."""
        while self._waiting:
            batch = self._waiting[0]
            try:
                transport.ask(_report(batch))
            except (Invalid, NotAllowed) as refused:
                log.warning("telemetry is not taken: %s", refused)
            except Exception as error:  # noqa: BLE001 -- whoever gives the token may fail in any way
                log.warning("telemetry waits: %s", error)
                return
            self._waiting.popleft()

    def _sample(self, key: str, variant: str, counts: _Counts, now: str) -> Mapping[str, Json]:
        bounds: tuple[float | None, ...] = (*BOUNDS, None)
        return {
            "environment": self._environment, "key": key, "variant": variant, "window_end": now,
            "requests": counts.requests, "errors": counts.errors,
            "buckets": [{"le": le, "count": count} for le, count in zip(bounds, counts.buckets, strict=True)],
        }  # fmt: skip


def _report(batch: Json) -> Call[Any]:
    """Not tried again at once: it waits for the next time, and under its own name it counts once."""
    headers = keyed(key=batch["batch"])
    return Call("POST", "/telemetry", lambda found: found, body=batch, headers=headers, repeatable=False)


_all: "weakref.WeakSet[Telemetry]" = weakref.WeakSet()


def _begin_in_the_child() -> None:
    for telemetry in list(_all):
        telemetry.again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_the_child)
