"""A client that asks twice with one key is answered twice and obeyed once."""

import hashlib
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar
from uuid import UUID, uuid4, uuid5

import structlog
from fastapi import Depends, Header, Request
from fastapi.responses import Response

from api.auth import actor_of
from api.intake import Checked, Handle, Intake
from api.services import services_of
from application.ports.store import Store
from domain.errors import Conflict, Fault, Invalid, Unavailable
from domain.people import Actor

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 200
_DONE = range(200, 300)

log = structlog.get_logger()


class KeyMismatch(Invalid):
    """This Idempotency-Key was used for another request."""

    kind = "idempotency-mismatch"


class KeyInProgress(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""

    kind = "idempotency-in-progress"


@dataclass(frozen=True)
class Attempt:
    """One request under one key of one person; the fingerprint tells it from any other request."""

    store: Store
    actor: Actor
    key: str
    fingerprint: str

    async def begin(self) -> Response | None:
        """None to go on, or the answer that was given before."""
        async with self.store.transaction(self.actor.tenant) as tx:
            claim = await tx.idempotency.claim(self.actor.id, self.key, self.fingerprint)
        if claim.fresh:
            return None
        if claim.fingerprint != self.fingerprint:
            raise KeyMismatch([Fault(f"/headers/{HEADER}", "a key of its own for each request")])
        if claim.status is None:
            raise KeyInProgress(retry_after=1)
        return Response(claim.body or b"", claim.status, {REPLAYED: "true"}, "application/json")

    async def keep(self, answer: Response) -> None:
        """When the answer cannot be kept the act still stands: the claim lapses, and the ids are the same again."""
        try:
            async with self.store.transaction(self.actor.tenant) as tx:
                await tx.idempotency.answer(self.actor.id, self.key, answer.status_code, bytes(answer.body))
        except Unavailable:
            log.warning("idempotency.unkept")

    async def release(self) -> None:
        try:
            async with self.store.transaction(self.actor.tenant) as tx:
                await tx.idempotency.release(self.actor.id, self.key)
        except Unavailable:
            log.warning("idempotency.unreleased")

    def id(self) -> UUID:
        """The same id at every attempt, so that a crash between commit and answer cannot double anything."""
        return uuid5(self.actor.id, f"{self.actor.tenant}/{self.key}/{self.fingerprint}")


class Once(Checked):
    """A route that changes something. What did so is answered again; a refusal changed nothing and frees the key."""

    large: ClassVar[bool] = False

    def get_route_handler(self) -> Handle:
        handle = super(Checked, self).get_route_handler()

        async def once(request: Request) -> Response:
            intake = Intake(request.scope, request.receive)
            if self.large:
                await actor_of(intake)
            await intake.take(large=self.large)
            attempt = await attempt_of(intake)
            if attempt is None:
                return await handle(intake)
            intake.state.attempt = attempt
            intake.state.actor = replace(attempt.actor, request=attempt.id())
            return await attempt.begin() or await _done(attempt, handle, intake)

        return once


class OnceLarge(Once):
    """The same for many things at once: nothing is read of a large body before it is known who sends it."""

    large = True


async def _done(attempt: Attempt, handle: Handle, intake: Intake) -> Response:
    try:
        answer = await handle(intake)
    except Exception:
        await attempt.release()
        raise
    if answer.status_code in _DONE:
        await attempt.keep(answer)
    else:
        await attempt.release()
    return answer


async def attempt_of(intake: Intake) -> Attempt | None:
    key = intake.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST or not all("!" <= character <= "~" for character in key):
        raise Invalid([Fault(f"/headers/{HEADER}", f"1 to {LONGEST} visible ASCII characters")])
    actor = await actor_of(intake)
    return Attempt(services_of(intake).store, actor, key, await _fingerprint(intake))


async def _fingerprint(intake: Intake) -> str:
    head = f"{intake.method} {intake.url.path}?{intake.url.query}\n{intake.headers.get('if-match', '')}\n"
    return hashlib.sha256(head.encode() + await intake.body()).hexdigest()


def _new_id(
    request: Request,
    _key: Annotated[
        str | None,
        Header(alias=HEADER, min_length=1, max_length=LONGEST, pattern="^[!-~]+$",
               description="Sending the same request again with the same key does it once."),
    ] = None,
) -> UUID:  # fmt: skip
    attempt: Attempt | None = getattr(request.state, "attempt", None)
    return attempt.id() if attempt else uuid4()


NewId = Annotated[UUID, Depends(_new_id)]
"""The id of what is made here."""

KEYED = [Depends(_new_id)]
"""For routes that make nothing with an id of its own: it tells readers that the header is understood."""
