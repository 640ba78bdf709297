"""Whose bundle this is can be proven, and checked elsewhere with a public key."""

from typing import Protocol

from domain.settings import Signature


class Signatures(Protocol):
    """Signs for this installation, and knows the keys of those that it trusts."""

    @property
    def required(self) -> bool:
        """Whether a bundle without a signature is refused."""
        ...

    def sign(self, checksum: str) -> Signature: ...
    def knows(self, signature: Signature) -> bool:
        """Whether its key is ours, or one that is trusted."""
        ...

    def holds(self, checksum: str, signature: Signature) -> bool:
        """Whether the key that it names made it for this checksum."""
        ...
