"""What comes in is bounded, well-formed JSON without characters that cannot be stored."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from api.problems import BodyTooLarge, MalformedJson
from api.services import services_of
from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.pointers import escaped

Handle = Callable[[Request], Coroutine[Any, Any, Response]]
_NUL = "\x00"
_UNTEXTUAL = "holds the character U+0000, which cannot be stored"


class Intake(Request):
    """A request whose body was read within its bound and parsed strictly, before any route sees it."""

    async def take(self, *, large: bool = False) -> bytes:
        """The body, `large` where many things may come at once.

        Raises BodyTooLarge, MalformedJson, or Invalid for a NUL character anywhere in its text.
        """
        bounds = services_of(self).settings
        self._body = await self._bounded(bounds.max_large_body if large else bounds.max_body)
        if self._body and "json" in self.headers.get("content-type", "").lower():
            self._json = parsed(self._body)
        for name, value in self.query_params.multi_items():
            if _NUL in name or _NUL in value:
                raise Invalid([Fault("/query", _UNTEXTUAL)])
        return self._body

    async def _bounded(self, most: int) -> bytes:
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise BodyTooLarge(most=most)
        body = bytearray()
        async for chunk in self.stream():
            body += chunk
            if len(body) > most:
                raise BodyTooLarge(most=most)
        return bytes(body)


class Checked(APIRoute):
    """A route that takes its request in before it looks at it."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            intake = Intake(request.scope, request.receive)
            await intake.take()
            return await handle(intake)

        return checked


def parsed(body: bytes) -> Json:
    """Unlike the standard library: no NaN, no infinities, no lone surrogates, no bottomless nesting."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedJson from None
    if b"\\u0000" in body:
        faults = [Fault(path, _UNTEXTUAL) for path in _nuls(value)]
        if faults:
            raise Invalid(faults)
    return value


def _nuls(value: Json) -> Iterator[str]:
    waiting: list[tuple[str, Json]] = [("", value)]
    while waiting:
        path, here = waiting.pop()
        if isinstance(here, dict):
            waiting += [(f"{path}/{escaped(name)}", inner) for name, inner in here.items()]
            if any(_NUL in name for name in here):
                yield path
        elif isinstance(here, list):
            waiting += [(f"{path}/{place}", inner) for place, inner in enumerate(here)]
        elif isinstance(here, str) and _NUL in here:
            yield path.replace(_NUL, "")
