"""A statement that a person acted through our API can be issued here and checked elsewhere."""

from typing import Protocol

from domain.people.acts import Act


class ActVerifier(Protocol):
    """Tells a statement of ours from a forged one: AssertionForged, or AssertionExpired once it is too old."""

    def verify(self, token: str) -> Act: ...


class Assertions(ActVerifier, Protocol):
    """Also issues: ValueError for an act that has expired or lives longer than domain.people.acts.LIFETIME."""

    def issue(self, act: Act) -> str: ...


class TokenClaims(Protocol):
    """Who a verified token speaks for."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...


class Tokens(Protocol):
    """Verifies an access token; raises Unauthenticated with a `reason` for any that is not good."""

    async def verify(self, token: str) -> TokenClaims: ...
