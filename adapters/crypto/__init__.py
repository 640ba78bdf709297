"""Secrets are stored sealed: each under a key of its own, and that key under one of a ring."""

from adapters.crypto.envelope import EnvelopeSealer
from adapters.crypto.rings import folder_ring, key_ring

__all__ = ["EnvelopeSealer", "folder_ring", "key_ring"]
