"""Who acts is said by a token; what they may do is said by the database, at each request."""

from dataclasses import dataclass, field

from application.ports.identity import TokenClaims, Tokens
from application.ports.store import Store
from application.tenancy.closings import Closings
from domain.errors import Fault, Invalid, Unauthenticated
from domain.people import Actor
from domain.tenants import TenantSuspended


class PrincipalUnknown(Unauthenticated):
    """The token is good, but nobody here is known by it."""

    kind = "principal-unknown"


class TenantAmbiguous(Invalid):
    """You belong to several tenants; say which with the Changegate-Tenant header."""

    kind = "tenant-ambiguous"


@dataclass(frozen=True)
class Authentication:
    """What was found out here may be remembered until `closings` move."""

    store: Store
    tokens: Tokens
    closings: Closings = field(default_factory=Closings)

    async def actor(self, token: str, tenant: str | None, *, reading: bool = False) -> Actor:
        """The actor with present roles. Raises Unauthenticated, or TenantAmbiguous without a tenant's slug.

        TenantSuspended unless the actor is only `reading`: whoever does not say so is taken to change something.
        """
        return await self.actor_of(await self.tokens.verify(token), tenant, reading=reading)

    async def actor_of(self, claims: TokenClaims, tenant: str | None, *, reading: bool = False) -> Actor:
        memberships = await self.store.memberships(claims.issuer, claims.subject)
        places = [place for place in memberships if tenant is None or place[0].slug == tenant]
        if not places:
            raise PrincipalUnknown
        if len(places) > 1:
            raise TenantAmbiguous([Fault("/headers/Changegate-Tenant", "names one of your tenants")])
        home, principal = places[0]
        if home.suspended and not reading:
            raise TenantSuspended(tenant=home.slug)
        async with self.store.transaction(home.id) as tx:
            actor = await tx.people.actor(principal)
        if actor is None:
            raise PrincipalUnknown
        return actor
