"""An application reads its settings from memory, and they are as fresh as the API can make them.

`Settings` is for threads, and follows the API in a thread of its own; `AsyncSettings` is for one event loop.
"""

import asyncio
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypedDict, TypeVar, Unpack, overload

from changegate import calls
from changegate.callbacks import Callback, Callbacks
from changegate.errors import Unavailable, Unreachable
from changegate.following import Follower
from changegate.hearing import Scene
from changegate.models import Json
from changegate.naming import checked, own_name
from changegate.picture import NOTHING, moment, read
from changegate.snapshot import Snapshot
from changegate.source import Source
from changegate.transport import TIMEOUT, AsyncTransport, Place, Transport
from changegate.wire import Token

T = TypeVar("T")
D = TypeVar("D")
CLOSING: Final = 5.0

log = logging.getLogger("changegate")


class Options(TypedDict, total=False):
    """How settings are followed; without any of them as most applications want it.

    `tenant` is its slug, for a token that is good in several. `prefix` leaves all other keys out. `snapshot` is a file
    that keeps what was last known, for a start while the API is away; secrets are never in it. `stream` asks for
    server-sent events instead of long polls. `timeout` is in seconds, for one request. `instance` is what this process
    calls itself when it says which settings it holds, so that deployments can wait for it; None says nothing.
    """

    tenant: str
    prefix: str
    snapshot: str | os.PathLike[str]
    stream: bool
    instance: str | None
    timeout: float
    allow_http: bool


def place_of(url: str, token: Token, options: Options) -> Place:
    timeout, allow_http = options.get("timeout", TIMEOUT), options.get("allow_http", False)
    return Place(url, token, options.get("tenant"), timeout, allow_http)


class _Reading:
    """What both kinds of settings answer from memory, without a lock and without waiting."""

    _follower: Follower
    _callbacks: Callbacks

    @overload
    def get(self, key: str) -> Json: ...
    @overload
    def get(self, key: str, *, default: D) -> Json | D: ...
    @overload
    def get(self, key: str, *, type: type[T]) -> T: ...
    @overload
    def get(self, key: str, *, type: type[T], default: D) -> T | D: ...
    def get(self, key: str, *, type: Any = None, default: Any = NOTHING) -> Any:  # noqa: A002 -- as json.loads would say it
        """What is in force now; Unset, WrongType, or SecretNotKept.

        The default is for what nobody has said; an explicit null is a value.
        """
        return read(self._follower.picture.held(key, time.time()), key, default, type)

    def keys(self) -> list[str]:
        """Of every setting that is defined, secrets included."""
        return sorted(self._follower.picture.values)

    @property
    def stale_since(self) -> datetime | None:
        """None while the API answers; otherwise when it last did."""
        follower = self._follower
        return None if follower.fresh or follower.known_at is None else moment(follower.known_at)

    @property
    def error(self) -> Exception | None:
        """Why the API does not answer, if it does not."""
        return self._follower.error

    def on_change(self, callback: Callback) -> Callable[[], None]:
        """Called with each Change, one after the other; what it raises is logged. Gives what takes it off again.

        It is called where the API is followed: while it runs nothing newer is heard of.
        """
        return self._callbacks.add(callback)


class AsyncSettings(_Reading):
    """`async with AsyncSettings(...) as settings:`, in whose body `settings.get` is a plain call."""

    def __init__(
        self, url: str, token: Token, *, environment: str, scope: str = "", **options: Unpack[Options]
    ) -> None:
        place, path = place_of(url, token, options), options.get("snapshot")
        self._scene = Scene(environment, scope, options.get("prefix", ""))
        self._stream = options.get("stream", False)
        self._transport = AsyncTransport(place)
        marks = (url.rstrip("/"), place.tenant or "", environment, scope, self._scene.prefix)
        snapshot = None if path is None else Snapshot(Path(path).absolute(), marks)
        self._callbacks = Callbacks()
        instance = checked(options.get("instance", own_name()))
        self._follower = Follower(Source(self._transport, self._scene, instance), self._callbacks.tell, snapshot)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Settings are there when this returns: fresh, or, while the API is away, as they were last known.

        NotKnown, NotAllowed and whatever else the API refuses is raised; so is Unreachable without a snapshot.
        """
        cursor: str | None = None
        try:
            cursor = await self._follower.begin()
        except (Unreachable, Unavailable) as error:
            if not self._follower.recall():
                raise
            self._follower.error = error
            log.warning("the API is away; settings are as of %s: %s", self.stale_since, error)
        self._task = asyncio.create_task(self._follower.run(cursor, stream=self._stream))

    def resume(self, last: Follower, callbacks: Callbacks) -> Self:
        """From what another one knew, for those who listened to it."""
        self._callbacks.take(callbacks)
        self._follower.picture, self._follower.known_at = last.picture, last.known_at
        self._task = asyncio.create_task(self._follower.run(None, stream=self._stream))
        return self

    def halves(self) -> tuple[Follower, Callbacks]:
        return self._follower, self._callbacks

    async def reveal(self, key: str) -> str:
        """A secret, from the server at each call: it is never kept."""
        return await self._transport.ask(calls.reveal(key, self._scene.environment, self._scene.scope))

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self._follower.keep()
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Settings(_Reading):
    """`Settings(url, token, environment="production")`; `get` may be called from any thread, also after `close`."""

    def __init__(
        self, url: str, token: Token, *, environment: str, scope: str = "", **options: Unpack[Options]
    ) -> None:
        """As `AsyncSettings.start`: it returns when the settings are there."""
        self._make: Callable[[], AsyncSettings] = lambda: AsyncSettings(
            url, token, environment=environment, scope=scope, **options
        )
        self._ask: Callable[[], Transport] = lambda: Transport(place_of(url, token, options))
        self._scene = Scene(environment, scope)
        self._open()
        try:
            self._inner = self._do(self._begun(None))
        except BaseException:
            self._asking.close()
            self._end()
            raise
        self._follower, self._callbacks = self._inner.halves()
        _followed.add(self)

    def _open(self) -> None:
        self._asking = self._ask()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="changegate-settings", daemon=True)
        self._thread.start()

    async def _begun(self, last: Follower | None) -> AsyncSettings:
        made = self._make()
        return await made.__aenter__() if last is None else made.resume(last, self._callbacks)

    def again(self) -> None:
        """In a process that was forked off: no thread came along, and connections are the parent's."""
        self._parents = self._asking, self._loop, self._inner  # kept, for closing them would close the parent's
        last = self._follower
        self._open()
        self._inner = self._do(self._begun(last))
        self._follower, self._callbacks = self._inner.halves()

    def reveal(self, key: str) -> str:
        """A secret, from the server at each call: it is never kept."""
        return self._asking.ask(calls.reveal(key, self._scene.environment, self._scene.scope))

    def close(self) -> None:
        """Nothing is followed any more, and no thread is left; calling it again does nothing.

        RuntimeError in a callback, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback does not close the settings that called it")
        _followed.discard(self)
        self._asking.close()
        if self._thread.is_alive():
            with suppress(TimeoutError):
                self._do(self._inner.aclose(), CLOSING)
            self._end()

    def _do(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout)

    def _end(self) -> None:
        with suppress(TimeoutError):
            self._do(self._loop.shutdown_default_executor(), CLOSING)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSING)
        if not self._thread.is_alive():  # else a callback still runs, and takes its time
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_followed: "weakref.WeakSet[Settings]" = weakref.WeakSet()


def _go_on_in_the_child() -> None:
    for settings in list(_followed):
        settings.again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_on_in_the_child)
