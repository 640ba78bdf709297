"""The actor is a type in a route's signature; a route without one is public."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from api.services import services_of
from domain.errors import Unauthenticated
from domain.people import Actor, Permission

TENANT_HEADER = "Changegate-Tenant"
QUESTIONS = frozenset(
    {
        "/api/v1/flags/{key}/evaluate",
        "/api/v1/flags/{key}/explain",
        "/api/v1/posting-checks",
        "/api/v1/settings/{key}/reveal",
        "/api/v1/settings-bundles/drift",
    }
)
"""What is asked in the body of a POST and changes nothing: it goes on while a tenant is suspended."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(auto_error=False, description="An access token (RFC 9068) of an issuer that this server trusts.")


class TokenMissing(Unauthenticated):
    """Send an access token: Authorization: Bearer <token>."""

    kind = "token-missing"


async def actor_of(request: Request) -> Actor:
    """Asked once for each request; the roles are those of now."""
    known: Actor | None = getattr(request.state, "actor", None)
    if known is None:
        token = bearer(request.headers.get("authorization", ""))
        tenant = request.headers.get(TENANT_HEADER)
        known = await services_of(request).authentication.actor(token, tenant, reading=_reads(request))
        request.state.actor = known
    return known


def _reads(request: Request) -> bool:
    """Whether the request changes nothing, so that people of a tenant that is suspended may make it."""
    return request.method in _SAFE or getattr(request.scope.get("route"), "path", None) in QUESTIONS


def bearer(header: str) -> str:
    """The token of an Authorization header (RFC 6750 section 2.1)."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing
    return token.strip()


async def _acting(
    request: Request,
    _token: Annotated[Any, Depends(_bearer)],
    _tenant: Annotated[
        str | None,
        Header(alias=TENANT_HEADER, max_length=63, description="Slug of the tenant, for who belongs to several."),
    ] = None,
) -> Actor:
    return await actor_of(request)


Acting = Annotated[Actor, Depends(_acting)]


def _allowed(permission: Permission) -> Callable[[Actor], Actor]:
    def allowed(actor: Acting) -> Actor:
        actor.require(permission)
        return actor

    return allowed


Evaluating = Annotated[Actor, Depends(_allowed(Permission.FEATURES_EVALUATE))]
"""An actor who may evaluate: snapshots in memory know no permissions, so the signature asks for it."""
Proposing = Annotated[Actor, Depends(_allowed(Permission.CHANGE_PROPOSE))]
"""An actor who may propose, asked before anything is looked up."""
