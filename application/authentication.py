"""Who acts is said by a token; what they may do is said by the database, at each request."""

from dataclasses import dataclass

from application.ports.identity import TokenClaims, Tokens
from application.ports.store import Store
from domain.errors import Fault, Invalid, Unauthenticated
from domain.people import Actor


class PrincipalUnknown(Unauthenticated):
    """The token is good, but nobody here is known by it."""

    kind = "principal-unknown"


class TenantAmbiguous(Invalid):
    """You belong to several tenants; say which with the Changegate-Tenant header."""

    kind = "tenant-ambiguous"


@dataclass(frozen=True)
class Authentication:
    store: Store
    tokens: Tokens

    async def actor(self, token: str, tenant: str | None) -> Actor:
        """The actor with present roles. Raises Unauthenticated, or TenantAmbiguous without a tenant's slug."""
        return await self.actor_of(await self.tokens.verify(token), tenant)

    async def actor_of(self, claims: TokenClaims, tenant: str | None) -> Actor:
        memberships = await self.store.memberships(claims.issuer, claims.subject)
        places = [place for place in memberships if tenant is None or place[0].slug == tenant]
        if not places:
            raise PrincipalUnknown
        if len(places) > 1:
            raise TenantAmbiguous([Fault("/headers/Changegate-Tenant", "names one of your tenants")])
        home, principal = places[0]
        async with self.store.transaction(home.id) as tx:
            actor = await tx.people.actor(principal)
        if actor is None:
            raise PrincipalUnknown
        return actor
