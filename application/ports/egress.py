"""Every outbound HTTP call goes to a vetted address, and what comes back is small."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.errors import Forbidden, Unavailable


class AddressRefused(Forbidden):
    """The address may not be called from here."""

    kind = "address-refused"


class CallFailed(Unavailable):
    """The other side did not answer, or answered with something that is not accepted."""

    kind = "call-failed"


@dataclass(frozen=True)
class EgressResponse:
    """An answer of any status, redirects included; header names are lower case, the body is at most 256 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Egress(Protocol):
    """One HTTP request to a public https address.

    Raises AddressRefused for an address that is not public, CallFailed for no answer in time or too large an answer;
    both carry a short `reason`.
    """

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> EgressResponse: ...
