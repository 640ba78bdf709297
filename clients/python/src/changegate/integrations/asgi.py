"""An ASGI application, such as FastAPI's or Starlette's, counts its requests, and tells its flags who asks."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from openfeature.evaluation_context import EvaluationContext

from changegate.integrations.entrance import FAILED, Entrance
from changegate.telemetry import Telemetry

Words = MutableMapping[str, Any]
Send = Callable[[Words], Awaitable[None]]
Receive = Callable[[], Awaitable[Words]]


class FlagsMiddleware:
    """`app.add_middleware(FlagsMiddleware, telemetry=telemetry, context=who_asks)`; `context` is given the scope."""

    def __init__(
        self,
        app: Callable[[Words, Receive, Send], Awaitable[None]],
        *,
        telemetry: Telemetry | None = None,
        context: Callable[[Words], EvaluationContext] | None = None,
    ) -> None:
        self._app = app
        self._entrance = Entrance(telemetry, context)

    async def __call__(self, scope: Words, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unit = self._entrance.begin(scope)

        async def sent(message: Words) -> None:
            if message["type"] == "http.response.start":
                unit.failed = message["status"] >= FAILED
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            unit.failed = True
            raise
        finally:
            self._entrance.end(unit)
