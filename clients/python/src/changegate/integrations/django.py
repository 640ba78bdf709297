"""A Django project, under WSGI or ASGI, counts its requests, and tells its flags who asks."""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from openfeature.evaluation_context import EvaluationContext

from changegate.integrations.entrance import FAILED, Entrance
from changegate.telemetry import Telemetry, Unit


class FlagsMiddleware:
    """What `MIDDLEWARE` names: an object of a module, as in `flags = FlagsMiddleware(telemetry=telemetry)`."""

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        *,
        telemetry: Telemetry | None = None,
        context: Callable[[Any], EvaluationContext] | None = None,
    ) -> None:
        """`context` is given Django's request."""
        self._entrance = Entrance(telemetry, context)

    def __call__(self, get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if not iscoroutinefunction(get_response):
            return lambda request: self._answered(request, get_response)

        async def answered(request: Any) -> Any:
            unit = self._entrance.begin(request)
            try:
                return self._seen(unit, await get_response(request))
            finally:
                self._entrance.end(unit)

        return answered

    def _answered(self, request: Any, get_response: Callable[[Any], Any]) -> Any:
        unit = self._entrance.begin(request)
        try:
            return self._seen(unit, get_response(request))
        finally:
            self._entrance.end(unit)

    def _seen(self, unit: Unit, response: Any) -> Any:
        """Django makes an answer of whatever a view raises."""
        unit.failed = response.status_code >= FAILED
        return response
