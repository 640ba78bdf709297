"""The same content always has the same bytes (RFC 8785), and so the same digest."""

import hashlib
from typing import Any

import rfc8785

Json = Any
"""A JSON value: None, bool, int, float, str, or lists and string-keyed dicts of them."""


def canonical_bytes(value: Json) -> bytes:
    """UTF-8 bytes of `value` in the JSON Canonicalization Scheme; ValueError where JSON or I-JSON cannot hold it."""
    return rfc8785.dumps(value)


def digest_of(value: Json) -> str:
    """`sha256:` and the 64 hex digits of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical_bytes(value)).hexdigest()
