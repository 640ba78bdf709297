"""A bundle is signed with the installation's Ed25519 key, and read with the public keys that lie beside it."""

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from adapters.identity.keys import kept_key, public_jwk, read_public
from adapters.settings import Settings
from domain.settings import Signature

CONTEXT = b"changegate bundle v1\n"
"""What is signed begins with it, so that no signature for something else passes for that of a bundle."""


class Ed25519Signatures:
    """Answers `application.ports.signing.Signatures`; keys are read when first asked for."""

    def __init__(
        self,
        own: Callable[[], Ed25519PrivateKey],
        trusted: Callable[[], list[Ed25519PublicKey]],
        *,
        required: bool = False,
    ) -> None:
        self._read_own = own
        self._read_trusted = trusted
        self.required = required

    def sign(self, checksum: str) -> Signature:
        value = base64.urlsafe_b64encode(self._own.sign(_message(checksum))).rstrip(b"=").decode()
        return Signature(_id(self._own.public_key()), value)

    def knows(self, signature: Signature) -> bool:
        return signature.key in self._keys

    def holds(self, checksum: str, signature: Signature) -> bool:
        key = self._keys.get(signature.key)
        if key is None:
            return False
        try:
            key.verify(base64.urlsafe_b64decode(signature.value + "=="), _message(checksum))
        except (InvalidSignature, binascii.Error):
            return False
        return True

    @cached_property
    def _own(self) -> Ed25519PrivateKey:
        return self._read_own()

    @property
    def _keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Read anew each time: a key that was put there or taken away counts at once."""
        return {_id(key): key for key in (self._own.public_key(), *self._read_trusted())}


def bundle_signatures(settings: Settings) -> Ed25519Signatures:
    """`bundles.pem` of the key folder signs; the public keys in its folder `trusted-bundles` are believed, too."""
    folder = settings.keys / "trusted-bundles"
    return Ed25519Signatures(
        lambda: kept_key(settings.keys / "bundles.pem"),
        lambda: trusted_in(folder),
        required=settings.signed_bundles,
    )


def trusted_in(folder: Path) -> list[Ed25519PublicKey]:
    return [read_public(path.read_bytes()) for path in sorted(folder.glob("*.pem"))]


def _message(checksum: str) -> bytes:
    return CONTEXT + checksum.encode()


def _id(key: Ed25519PublicKey) -> str:
    return public_jwk(key)["kid"]
