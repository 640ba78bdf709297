"""A JSON value has one deterministic CBOR encoding (RFC 8949, section 4.2.1), the input of bucketing v3."""

import math
import struct
from typing import Any

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = (kind << 5 for kind in range(6))
_BIG_POSITIVE, _BIG_NEGATIVE = b"\xc2", b"\xc3"
_FALSE, _TRUE, _NULL, _NAN = b"\xf4", b"\xf5", b"\xf6", b"\xf9\x7e\x00"
_SIZES = ((0x100, 24, ">BB"), (0x10000, 25, ">BH"), (0x100000000, 26, ">BI"), (1 << 64, 27, ">BQ"))


class NotEncodable(ValueError):
    """Only JSON values have an encoding here."""


def _head(kind: int, count: int) -> bytes:
    if count < 24:  # noqa: PLR2004  RFC 8949 section 3: up to 23 the argument sits in the first byte
        return bytes((kind | count,))
    for limit, mark, layout in _SIZES:
        if count < limit:
            return struct.pack(layout, kind | mark, count)
    raise NotEncodable


_SHORT_TEXT_HEADS = tuple(_head(_TEXT, count) for count in range(256))


def encode_text(text: str) -> bytes:
    """The encoding of a text; UnicodeEncodeError for lone surrogates."""
    body = text.encode()
    size = len(body)
    return (_SHORT_TEXT_HEADS[size] if size < 256 else _head(_TEXT, size)) + body  # noqa: PLR2004  the table's length


def array_head(count: int) -> bytes:
    return _head(_ARRAY, count)


def encode(value: Any) -> bytes:
    """The encoding of any JSON value; a float without a fraction is encoded as the integer when 64 bits hold it."""
    if isinstance(value, str):
        return encode_text(value)
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _encode_int(value)
    if isinstance(value, float):
        return _encode_float(value)
    return _encode_container(value)


def _encode_container(value: Any) -> bytes:
    if isinstance(value, list | tuple):
        return array_head(len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        pairs = sorted((encode_text(key), encode(item)) for key, item in value.items())
        return _head(_MAP, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise NotEncodable


def _encode_int(value: int) -> bytes:
    kind, big, count = (_UNSIGNED, _BIG_POSITIVE, value) if value >= 0 else (_NEGATIVE, _BIG_NEGATIVE, -1 - value)
    if count < 1 << 64:
        return _head(kind, count)
    body = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return big + _head(_BYTES, len(body)) + body


def _encode_float(value: float) -> bytes:
    if math.isnan(value):
        return _NAN
    if value.is_integer() and -(1 << 63) <= value < 1 << 64:
        return _encode_int(int(value))
    for mark, layout in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            body = struct.pack(layout, value)
        except OverflowError:
            continue
        if struct.unpack(layout, body)[0] == value:
            return mark + body
    return b"\xfb" + struct.pack(">d", value)
