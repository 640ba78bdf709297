"""Who was refused what is written down, where it is known who asked."""

import structlog
from fastapi import Request

from api.services import services_of
from application.ports.store import Store
from application.recording import record
from domain.audit import Action, Outcome
from domain.errors import Refusal, Unavailable
from domain.people import Actor

log = structlog.get_logger()


def route_of(request: Request) -> str:
    """The template of the path, so that one place has one name whatever ids stand in it."""
    return str(getattr(request.scope.get("route"), "path", "")) or "unknown"


async def remember(request: Request, refusal: Refusal) -> None:
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is not None:
        await write_down(services_of(request).store, actor, f"{request.method} {route_of(request)}", refusal)


async def write_down(store: Store, actor: Actor, what: str, refusal: Refusal) -> None:
    """A denial stays a denial when it cannot be written: nothing changed that the trail would have to show."""
    try:
        async with store.transaction(actor.tenant) as tx:
            await record(tx, Action.ACCESS_DENIED, ("request", what), actor=actor, outcome=Outcome.DENIED,
                         after={"refusal": refusal.kind})  # fmt: skip
    except Unavailable:
        log.warning("denial.unrecorded", refusal=refusal.kind, request=what)
