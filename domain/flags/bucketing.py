"""The same subject always falls into the same arm: a hash of it, projected onto the sum of the weights."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Any, Final

import mmh3

from domain.flags.cbor import NotEncodable, array_head, encode, encode_text

LARGEST_TOTAL = 2**31 - 1
"""The largest sum of weights that a split may have."""


class Bucketing(StrEnum):
    """Which bytes of the subject are hashed: v2 takes the UTF-8 of texts alone, v3 the canonical CBOR of any value."""

    V2 = "v2"
    V3 = "v3"


CLIENTS: Final[Mapping[Bucketing, Sequence[str]]] = {
    Bucketing.V2: ("flagd 0.15 to 0.16", "@openfeature/flagd-core 4.0 for JavaScript", "changegate for Python"),
    Bucketing.V3: ("openfeature-flagd-core 2.0 for Python", "changegate for Python"),
}
"""Those that evaluate by themselves and put the same subjects into the same arms; OFREP asks this server."""


def hash_of(subject: Any, bucketing: Bucketing) -> int | None:
    """32 bits (MurmurHash3) of the value that a rule buckets by; None when this version cannot take it."""
    try:
        if isinstance(subject, str):
            return mmh3.hash(encode_text(subject) if bucketing is Bucketing.V3 else subject.encode(), 0, signed=False)
        if subject is None or bucketing is Bucketing.V2:
            return None
        return mmh3.hash(encode(subject), 0, signed=False)
    except (NotEncodable, UnicodeEncodeError, RecursionError):
        return None


def shorthand_hash(flag_key: str, bucketing: Bucketing) -> Callable[[Any], int | None]:
    """The hash of a flag's key with a targeting key, what a split uses when it names nothing to bucket by."""
    encoded: Callable[[str], bytes]
    if bucketing is Bucketing.V3:
        prefix, encoded = array_head(2) + encode_text(flag_key), encode_text
    else:
        prefix, encoded = flag_key.encode(), str.encode

    def hashed(targeting_key: Any) -> int | None:
        if not isinstance(targeting_key, str) or not targeting_key:
            return None
        try:
            return mmh3.hash(prefix + encoded(targeting_key), 0, False)
        except UnicodeEncodeError:
            return None

    return hashed


def thresholds(weights: Sequence[int]) -> list[int]:
    """For each arm the first hash past it: arm i takes those where (hash * total) >> 32 is below its cumulative weight.

    Empty when nobody can fall into any arm: no weight at all, or more than `LARGEST_TOTAL`.
    """
    total = sum(weights)
    if not 0 < total <= LARGEST_TOTAL:
        return []
    return [-(-(end << 32) // total) for end in accumulate(weights)]


def arm_of(hashed: int, bounds: Sequence[int]) -> int:
    """The index of the arm that takes this hash."""
    return bisect_right(bounds, hashed)
