"""A flag set is read whole, and again as soon as there is a newer one: the server holds its answer back until then."""

from collections.abc import Mapping
from typing import Final

from changegate.errors import Unreachable
from changegate.flag_document import Held, compiled
from changegate.models import Json
from changegate.transport import AsyncTransport
from changegate.wire import Call, asked_for, told

WAIT: Final = 25
UNCHANGED: Final = 304


class FlagSource:
    """`pause` is how many seconds the last answer asked to be left alone."""

    def __init__(self, transport: AsyncTransport, url: str, environment: str, instance: str | None) -> None:
        self.pause = 0.0
        self._transport = transport
        self._url = f"{url.rstrip('/')}/flagd/v1/flags.json"
        self._environment = environment
        self._instance = instance

    async def newer(self, held: Held | None, *, wait: bool) -> Held | None:
        """None where there is nothing newer; Refused or Unreachable. One attempt."""
        self.pause = 0.0
        call = self._call(held, WAIT if wait else 0)
        answer = await self._transport.once(call)
        self.pause = asked_for(answer.headers)
        if answer.status == UNCHANGED and held is not None:
            return None
        document, tag = told(call, answer), answer.headers.get("etag", "")
        if not isinstance(document, dict) or not tag:
            raise Unreachable("what answered there is not this API: no flag set in its answer")
        return compiled(document, tag, held)

    def _call(self, held: Held | None, wait: int) -> Call[Json]:
        said: dict[str, str] = {"Changegate-Environment": self._environment}
        if held is not None:
            said["If-None-Match"] = held.tag
        if self._instance is not None:
            said |= {"Changegate-Instance": self._instance, **_holds(held)}
        return Call("GET", self._url, lambda found: found, {"wait": str(wait)}, headers=said, patience=wait)


def _holds(held: Held | None) -> Mapping[str, str]:
    return {} if held is None else {"Changegate-Holds": f"flags={held.revision}"}
