"""The same content always has the same bytes (RFC 8785), and so the same digest."""

import hashlib
from contextlib import suppress
from typing import Final

import orjson
import rfc8785

from domain.json_value import Json

__all__ = ["Json", "canonical_bytes", "digest_of"]

_LARGEST: Final = 2**53 - 1


def canonical_bytes(value: Json) -> bytes:
    """UTF-8 bytes of `value` in the JSON Canonicalization Scheme; ValueError where JSON or I-JSON cannot hold it."""
    if _plain(value):
        with suppress(orjson.JSONEncodeError):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(value)


def digest_of(value: Json) -> str:
    """`sha256:` and the 64 hex digits of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical_bytes(value)).hexdigest()


def _plain(value: Json) -> bool:
    """Whether orjson writes it the same, many times as fast.

    The two differ in fractions, in names beyond the characters whose order is the same in UTF-8 and UTF-16, and in what
    they refuse.
    """
    kind = type(value)
    if kind is str:
        return True
    if kind is dict:
        for name, inner in value.items():
            if type(name) is not str or not name.isascii() or not _plain(inner):
                return False
        return True
    if kind is list:
        return all(map(_plain, value))
    return value is None or kind is bool or (kind is int and -_LARGEST <= value <= _LARGEST)
