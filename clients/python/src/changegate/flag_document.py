"""A flag set comes as one document of flagd; what did not change since the last one is not compiled again."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from changegate.errors import Unreachable
from changegate.evaluation import Bucketing, FlagSet, compile_flag_set, same
from changegate.models import Json

_ITS_OWN: Final = ("version", "bucketing")
"""Of the set as a whole: the revision changes each time, and would make every flag another one."""


@dataclass(frozen=True)
class Held:
    """One revision, compiled; `tag` is what the server knows it by, and `moved` are other flags than before."""

    tag: str
    revision: int
    document: Mapping[str, Json]
    flags: FlagSet
    moved: Sequence[str]


def compiled(document: Json, tag: str, before: Held | None = None) -> Held:
    """Unreachable for what is no document of ours."""
    try:
        metadata = document["metadata"]
        revision, bucketing = int(metadata["version"]), Bucketing(metadata["bucketing"])
        flags: Mapping[str, Json] = document["flags"]
        shared, old = _shared(document), {} if before is None else before.document["flags"]
        moved = sorted({*old, *flags})
        if before is None or not same(shared, _shared(before.document)):
            made = compile_flag_set(
                flags, revision=revision, bucketing=bucketing, metadata=shared[1], evaluators=shared[2], now=time.time
            )
        else:
            made, moved = before.flags, [key for key in moved if not same(old.get(key), flags.get(key))]
            for key in moved:
                made = made.with_flag(key, flags.get(key), revision)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise Unreachable("what answered there is not this API: no flag set in its answer") from error
    return Held(tag, revision, document, made, moved)


def _shared(document: Mapping[str, Json]) -> tuple[Json, Json, Json]:
    metadata = document["metadata"]
    own = {name: value for name, value in metadata.items() if name not in _ITS_OWN}
    return metadata["bucketing"], own, document.get("$evaluators", {})
