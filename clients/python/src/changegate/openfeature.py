"""Flags for OpenFeature are evaluated in this process, from a flag set that is followed in the background."""

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, FlagValueType, Reason
from openfeature.hook import Hook, HookContext, HookHints
from openfeature.provider import AbstractProvider, Metadata

from changegate.background import Background
from changegate.evaluation import CODE_DEFAULT, FlagSet
from changegate.flag_document import Held
from changegate.flag_following import FlagFile, FlagFollower
from changegate.flag_source import FlagSource
from changegate.models import Json
from changegate.naming import checked, own_name
from changegate.picture import own
from changegate.telemetry import Telemetry
from changegate.transport import TIMEOUT, AsyncTransport, Place
from changegate.wire import Token

NAME: Final = "changegate"
THREAD: Final = "changegate-flags"
_LATE: Final = 1.0
"""Seconds after which OpenFeature has surely said of its own accord that the beginning failed."""
_SCALAR: Final = (str, bool, int, float, type(None))


class FlagOptions(TypedDict, total=False):
    """How flags are followed; without any of them as most applications want it.

    `tenant` is its slug, for a token that is good in several. `snapshot` is a file that keeps what was last known, for
    a start while the API is away. `patience` is how many seconds a start waits for flags. `stale_after` is how many
    seconds without an answer make flags STALE; they are evaluated all the same. `instance` is what this process calls
    itself when it says which flags it holds, so that rollouts can wait for it; None says nothing. `telemetry` is told
    which variants were met. `timeout` is in seconds, for one request.
    """

    tenant: str
    snapshot: str | os.PathLike[str]
    patience: float
    stale_after: float
    instance: str | None
    telemetry: Telemetry
    timeout: float
    allow_http: bool


class ChangegateProvider(AbstractProvider):
    """`api.set_provider_and_wait(ChangegateProvider(url, token, environment="production"))`."""

    def __init__(self, url: str, token: Token, *, environment: str, **options: Unpack[FlagOptions]) -> None:
        super().__init__()
        self._place = Place(
            url, token, options.get("tenant"), options.get("timeout", TIMEOUT), options.get("allow_http", False)
        )
        self._place.options()  # a wrong address is told here, and not in the background
        self._environment = environment
        self._options = options
        checked(options.get("instance"))
        self._announcing = threading.Lock()
        self._begin: bool | None = None
        self._ready = False
        self._follower: FlagFollower | None = None
        self._background: Background | None = None

    def get_metadata(self) -> Metadata:
        return Metadata(name=NAME)

    def get_provider_hooks(self) -> list[Hook]:
        telemetry = self._options.get("telemetry")
        return [] if telemetry is None else [TelemetryHook(telemetry)]

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 -- rules read each context
        """Flags are there when this returns: fresh, or, while the API is away, as they were last known.

        ProviderNotReadyError where the API refuses, or there are none in time; flags are followed all the same, and
        PROVIDER_READY is told when there are some.
        """
        self._stop()
        with self._announcing:
            self._begin = True
        self._follow(None).settled.wait(self._options.get("patience", TIMEOUT))
        with self._announcing:
            follower = self._follower
            self._ready = follower is not None and follower.held is not None
            self._begin = None if self._ready else False
        atexit.register(self.shutdown)
        _followed.add(self)
        if not self._ready:
            error = None if follower is None else follower.error
            raise ProviderNotReadyError(f"no flags: {error or 'the API has not answered yet'}")

    def shutdown(self) -> None:
        """No thread is left; calling it again does nothing."""
        _followed.discard(self)
        atexit.unregister(self.shutdown)
        self._stop()

    def _stop(self) -> None:
        background, self._background = self._background, None
        if background is not None:
            background.stop()

    def _follow(self, held: Held | None) -> FlagFollower:
        options, url = self._options, self._place.url.rstrip("/")
        instance, path = checked(options.get("instance", own_name())), options.get("snapshot")
        marks = (url, self._place.tenant or "", self._environment)
        file = None if path is None else FlagFile(Path(path).absolute(), marks)
        transport = AsyncTransport(self._place)
        source = FlagSource(transport, url, self._environment, instance)
        follower = FlagFollower(source, self, file, options.get("stale_after", 30.0))
        follower.held = held

        async def work() -> None:
            try:
                await follower.run()
            finally:
                await transport.aclose()

        self._follower = follower
        self._background = Background(work, THREAD)
        self._background.start()
        return follower

    def again(self) -> None:
        """In a process that was forked off: no thread came along, and connections are the parent's."""
        self._announcing = threading.Lock()
        self._follow(None if self._follower is None else self._follower.held)

    def fresh(self) -> None:
        """While it begins, OpenFeature itself tells what comes of it."""
        with self._announcing:
            if self._begin or self._ready:
                return
            late, self._begin, self._ready = self._begin is False, None, True
        if late:
            loop = asyncio.get_running_loop()
            loop.call_later(_LATE, self.emit_provider_ready, ProviderEventDetails())
        else:
            self.emit_provider_ready(ProviderEventDetails())

    def stale(self, why: str) -> None:
        with self._announcing:
            self._ready = False
        self.emit_provider_stale(ProviderEventDetails(message=why))

    def moved(self, keys: Sequence[str]) -> None:
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=list(keys)))

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 -- OpenFeature's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        return self._resolved(flag_key, default_value, evaluation_context, bool)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolved(flag_key, default_value, evaluation_context, str)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolved(flag_key, default_value, evaluation_context, int)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolved(flag_key, default_value, evaluation_context, float)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return self._resolved(flag_key, default_value, evaluation_context, dict)

    def _resolved(
        self, key: str, default: Any, context: EvaluationContext | None, kind: type[Any]
    ) -> FlagResolutionDetails[Any]:
        held = None if self._follower is None else self._follower.held
        if held is None:
            raise ProviderNotReadyError("no flags have been read yet")
        return resolved(held.flags, key, (default, kind), context)


def resolved(
    flags: FlagSet, key: str, wanted: tuple[Any, type[Any]], context: EvaluationContext | None
) -> FlagResolutionDetails[Any]:
    """What a flag gives, in the words of OpenFeature; `wanted` is the default in the code, and its type."""
    default, kind = wanted
    found = flags.evaluate(key, scope_of(context))
    metadata = dict(found.metadata)
    if found.error_code is not None:
        code = ErrorCode(found.error_code.value)
        return FlagResolutionDetails(default, code, found.error_details, Reason.ERROR, None, metadata)
    reason = Reason(found.reason.value)
    if found.value is CODE_DEFAULT:
        return FlagResolutionDetails(default, reason=reason, flag_metadata=metadata)
    value = float(found.value) if kind is float and type(found.value) is int else found.value
    if type(value) is not kind:
        why = f"expected {kind.__name__}, and this flag is {type(value).__name__}"
        return FlagResolutionDetails(default, ErrorCode.TYPE_MISMATCH, why, Reason.ERROR, None, metadata)
    return FlagResolutionDetails(
        own(value) if kind is dict else value, reason=reason, variant=found.variant, flag_metadata=metadata
    )


class TelemetryHook(Hook):
    """Tells `telemetry` which variants are met, whoever the provider is."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def after(
        self,
        hook_context: HookContext,
        details: FlagEvaluationDetails[FlagValueType],
        hints: HookHints,  # noqa: ARG002 -- there are none for it
    ) -> None:
        if details.variant:
            self._telemetry.met(hook_context.flag_key, details.variant)


def scope_of(context: EvaluationContext | None) -> dict[str, Json]:
    """What rules read: JSON, so a moment is written in ISO 8601."""
    if context is None:
        return {}
    said = {name: _plain(value) for name, value in context.attributes.items()}
    if context.targeting_key is not None:
        said["targetingKey"] = context.targeting_key
    return said


def _plain(value: Any) -> Json:
    if isinstance(value, _SCALAR):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, Sequence) else str(value)


_followed: "weakref.WeakSet[ChangegateProvider]" = weakref.WeakSet()


def _go_on_in_the_child() -> None:
    for provider in list(_followed):
        provider.again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_on_in_the_child)
