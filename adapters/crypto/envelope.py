"""Every secret has a data key of its own, and only a wrapped copy of that key stands beside it.

AES-256-GCM (NIST SP 800-38D) as `v1.<kek id>.<wrapped key>.<nonce>.<ciphertext and tag>`, base64url without padding.
What is kept for good is `v2.<nonce>.<ciphertext and tag>`: the wrapped key is kept apart from it.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.secrets import KeyRing, SealBroken, Secret, Wrapped

FORMAT: Final = "v1"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
KEPT: Final = "v2"
LONGEST: Final = 512 * 1024
"""Characters of a sealed text; the longest secret that a setting may hold needs fewer."""

_SEALED = re.compile(
    FORMAT + r"\.(?P<kek>[A-Za-z0-9_-]{1,100})\.(?P<key>[\w-]+)\.(?P<nonce>[\w-]{16})\.(?P<text>[\w-]+)", re.ASCII
)
_KEPT = re.compile(KEPT + r"\.(?P<nonce>[\w-]{16})\.(?P<text>[\w-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of one sealed text. The wrapped key may change; nonce and ciphertext belong together for good."""

    wrapped: Wrapped
    nonce: bytes
    ciphertext: bytes

    @classmethod
    def parse(cls, sealed: str) -> Self:
        """SealBroken unless `str` of the result is `sealed`, character for character."""
        match = _SEALED.fullmatch(sealed) if len(sealed) <= LONGEST else None
        if match is None:
            raise SealBroken
        return cls(Wrapped(match["kek"], _decoded(match["key"])), _decoded(match["nonce"]), _decoded(match["text"]))

    @classmethod
    def joined(cls, kept: str, wrapped: Wrapped) -> Self:
        """Of either format, with this key."""
        match = _KEPT.fullmatch(kept) if len(kept) <= LONGEST else None
        if match is not None:
            return cls(wrapped, _decoded(match["nonce"]), _decoded(match["text"]))
        whole = cls.parse(kept)
        return cls(wrapped, whole.nonce, whole.ciphertext)

    @property
    def body(self) -> str:
        return f"{_encoded(self.nonce)}.{_encoded(self.ciphertext)}"

    def __str__(self) -> str:
        parts = map(_encoded, (self.wrapped.key, self.nonce, self.ciphertext))
        return ".".join((FORMAT, self.wrapped.kek, *parts))


_NOBODY: Final = Wrapped("nobody", b"")


class EnvelopeSealer:
    """Answers `application.ports.secrets.Sealer` with the keys of `ring`."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def seal(self, secret: Secret, aad: bytes) -> str:
        key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
        wrapped = await self._ring.wrap(key)
        return str(Envelope(wrapped, nonce, AESGCM(key).encrypt(nonce, _bytes(secret), _bound(aad))))

    async def open(self, sealed: str, aad: bytes) -> Secret:
        envelope = Envelope.parse(sealed)
        return _opened(envelope, await self._ring.unwrap(envelope.wrapped), aad)

    def parted(self, sealed: str) -> tuple[str, Wrapped]:
        envelope = Envelope.parse(sealed)
        return f"{KEPT}.{envelope.body}", envelope.wrapped

    def joined(self, kept: str, wrapped: Wrapped) -> str:
        return str(Envelope.joined(kept, wrapped))

    def named(self, kept: str) -> str:
        """The same as `adopt_sealed_key` of the schema, which names the seals of the version before."""
        body = Envelope.joined(kept, _NOBODY).body
        return hashlib.sha256(body.encode()).hexdigest()[:32]

    async def fingerprint(self, secret: Secret, tenant: UUID) -> str:
        key = await self._ring.fingerprint_key()
        return hmac.new(key, tenant.bytes + _bytes(secret), hashlib.sha256).hexdigest()[:16]


def _opened(envelope: Envelope, key: bytes, aad: bytes) -> Secret:
    try:
        return Secret(
            AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, _bound(aad)).decode("utf-8", "surrogatepass")
        )
    except (InvalidTag, ValueError):  # a ValueError: a key of another length
        raise SealBroken from None


def _bound(aad: bytes) -> bytes:
    """The format is bound, too: a later one must not be read as this one."""
    return FORMAT.encode() + b"\0" + aad


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")  # an encoding that fails quotes the text


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Strict: one spelling for one sequence of bytes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise SealBroken from None
    if _encoded(raw) != text:
        raise SealBroken
    return raw
