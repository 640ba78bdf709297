"""What the operator trusts to be inside holds for every call."""

from adapters.egress.client import BODY_BYTES, EgressClient
from adapters.settings import Settings


def door(settings: Settings, body_bytes: int = BODY_BYTES) -> EgressClient:
    """Loopback may be called where the installation is one machine."""
    return EgressClient(
        allow_loopback=settings.embedded_issuer, private_hosts=settings.trusted_hosts, body_bytes=body_bytes
    )
