"""Signatures in memory: a keyed hash under a name, which only who shares the words can make."""

import base64
import hashlib
import hmac

from domain.settings import Signature


class MemorySignatures:
    """Answers `application.ports.signing.Signatures`; `trusted` are the words of others, by name."""

    def __init__(self, name: str = "here", trusted: dict[str, str] | None = None, *, required: bool = False) -> None:
        self._name = name
        self._words = {name: f"words of {name}", **(trusted or {})}
        self.required = required

    def sign(self, checksum: str) -> Signature:
        return Signature(self._name, self._value(self._name, checksum))

    def knows(self, signature: Signature) -> bool:
        return signature.key in self._words

    def holds(self, checksum: str, signature: Signature) -> bool:
        return self.knows(signature) and hmac.compare_digest(self._value(signature.key, checksum), signature.value)

    def _value(self, name: str, checksum: str) -> str:
        made = hmac.digest(self._words[name].encode(), checksum.encode(), hashlib.sha512)
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
