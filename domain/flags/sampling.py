"""Of a context only what was chosen is kept: some attributes as they are, some hashed, and of the others nothing."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.canonical import canonical_bytes
from domain.errors import Fault, Invalid
from domain.json_value import Json

TARGETING_KEY: Final = "targetingKey"
MOST_CONTEXTS: Final = 1_000
MOST_ATTRIBUTES: Final = 100
LONGEST_NAME: Final = 200
LARGEST: Final = 4_096
"""Bytes of a context that is sampled; a larger one never is."""
SECRET_BYTES: Final = 32
_MARK_BYTES: Final = 16
_NUL: Final = rb"\u0000"

Token = Callable[[Json], Json]
"""From a value to what stands in its place."""


@dataclass(frozen=True)
class Sampling:
    """Which attributes of contexts are kept how, and of how many contexts; of none of them, nothing is sampled.

    The targeting key is hashed unless it is to be kept as it is: without it no share could be told.
    """

    plain: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    capacity: int = 0

    @property
    def reads(self) -> tuple[frozenset[str], frozenset[str]]:
        return self.plain, self.hashed

    def to_json(self) -> Json:
        return {"plain": sorted(self.plain), "hashed": sorted(self.hashed), "capacity": self.capacity}


def parse_sampling(plain: list[str], hashed: list[str], capacity: int) -> Sampling:
    """Invalid with every fault, each at its JSON Pointer."""
    faults: list[Fault] = []
    for said, names in (("/plain", plain), ("/hashed", hashed)):
        if len(names) > MOST_ATTRIBUTES:
            faults.append(Fault(said, f"expected at most {MOST_ATTRIBUTES} attributes"))
        for place, name in enumerate(names[:MOST_ATTRIBUTES]):
            if not 1 <= len(name) <= LONGEST_NAME or name.startswith("$flagd"):
                faults.append(
                    Fault(f"{said}/{place}", f"expected 1 to {LONGEST_NAME} characters, and nothing of flagd")
                )
            elif "." in name:
                faults.append(Fault(f"{said}/{place}", "expected the name of a whole attribute, without a dot"))
    faults += [
        Fault(f"/hashed/{place}", "is kept as it is already") for place, name in enumerate(hashed) if name in plain
    ]
    if not 0 <= capacity <= MOST_CONTEXTS:
        faults.append(Fault("/capacity", f"expected 0, which turns it off, to {MOST_CONTEXTS}"))
    if faults:
        raise Invalid(faults)
    if not capacity:
        return Sampling()
    return Sampling(frozenset(plain), frozenset(hashed) | {TARGETING_KEY} - {*plain}, capacity)


@dataclass(frozen=True)
class Sample:
    """What was kept of a context; contexts of which the same was kept have the same mark, and are one.

    Those with the smallest marks stay: who is sampled says nothing about who comes first or most often.
    """

    mark: bytes
    context: Mapping[str, Json]


def sampled(context: Mapping[str, Any], sampling: Sampling, secret: bytes) -> Sample | None:
    """None for a context that cannot be stored."""
    token = tokens(secret)
    kept = {name: context[name] for name in context.keys() & sampling.plain}
    try:
        kept |= {name: token(context[name]) for name in context.keys() & sampling.hashed}
        written = canonical_bytes(kept)
    except (ValueError, RecursionError):
        return None
    if _NUL in written or len(written) > LARGEST:
        return None
    return Sample(hashlib.blake2b(written, key=secret, digest_size=_MARK_BYTES).digest(), kept)


def tokens(secret: bytes) -> Token:
    """Equal values have equal tokens, which begin with the kind of the value: text, number, boolean, or other JSON.

    What says nothing about anybody stays: null and the empty text.
    """

    def token(value: Json) -> Json:
        if value is None or value == "":
            return value
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        digest = hashlib.blake2b(canonical_bytes(whole), key=secret, digest_size=_MARK_BYTES)
        return f"{kind_of(value)}:{digest.hexdigest()}"

    return token


def kind_of(value: Json) -> str:
    if isinstance(value, str):
        return "s"
    if isinstance(value, bool):
        return "b"
    return "n" if isinstance(value, int | float) else "j"
