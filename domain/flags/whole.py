"""What all flags of a set have in common is stored beside them, under keys that no flag can have."""

from collections.abc import Mapping
from typing import Final

from domain.errors import Fault, Invalid
from domain.flags.bucketing import Bucketing
from domain.flags.evaluators import SHARED_RULES
from domain.json_value import Json

BUCKETING: Final = "$bucketing"
WHOLE: Final[Mapping[str, Json]] = {SHARED_RULES: {}, BUCKETING: {"version": Bucketing.V3.value}}
"""By key what holds where nobody has written it."""
_POINTER: Final = "/version"


def parse_bucketing(raw: Json) -> Json:
    """`{"version": "v2"}` as it would be stored; Invalid for anything else."""
    if not isinstance(raw, dict) or raw.keys() != {"version"}:
        raise Invalid([Fault("", "expected an object with nothing but a version")])
    if raw["version"] not in list(Bucketing):
        raise Invalid([Fault(_POINTER, "expected one of " + ", ".join(Bucketing))])
    return {"version": Bucketing(raw["version"]).value}


def bucketing_of(content: Json) -> Bucketing:
    """Of what was parsed; of None, where nobody has chosen."""
    return Bucketing((content or WHOLE[BUCKETING])["version"])


def at_first(key: str) -> Json | None:
    """What a first version is compared with: a set always has a bucketing, and nothing else before it is written."""
    return WHOLE[BUCKETING] if key == BUCKETING else None
