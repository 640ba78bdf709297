"""A WSGI application (PEP 3333) counts its requests, and tells its flags who asks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from openfeature.evaluation_context import EvaluationContext

from changegate.integrations.entrance import Entrance
from changegate.telemetry import Telemetry, Unit

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class FlagsMiddleware:
    """`application = FlagsMiddleware(application, telemetry=telemetry, context=who_asks)`."""

    def __init__(
        self,
        application: Application,
        *,
        telemetry: Telemetry | None = None,
        context: Callable[[Environ], EvaluationContext] | None = None,
    ) -> None:
        self._application = application
        self._entrance = Entrance(telemetry, context)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        unit = self._entrance.begin(environ)

        def started(status: str, *more: Any) -> Any:
            unit.failed = status.startswith("5")
            return start_response(status, *more)

        try:
            body = self._application(environ, started)
        except BaseException:
            unit.failed = True
            self._entrance.end(unit)
            raise
        return _Body(body, unit, self._entrance)


class _Body:
    """The request is over when its body is, or nobody wants the rest of it."""

    def __init__(self, body: Iterable[bytes], unit: Unit, entrance: Entrance[Environ]) -> None:
        self._body = body
        self._unit = unit
        self._entrance = entrance

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception:
            self._unit.failed = True
            raise
        finally:
            self._entrance.end(self._unit)

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._entrance.end(self._unit)
