"""A flag set as one document of flagd: read and written without loss, up to the order of names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.flags.authoring import plain
from domain.flags.definition import check_key, check_metadata, parse_definition
from domain.flags.evaluators import SHARED_RULES, parse_evaluators
from domain.flags.limits import Faults, pointer

MOST_FLAGS: Final = 10_000
OWN: Final = frozenset({"flagSetId", "scope", "version", "bucketing"})
"""Metadata by which a flag set says which one it is; it is nobody else's."""
_FIELDS: Final = ("$evaluators", "$schema", "flags", "metadata")


@dataclass(frozen=True)
class FlagdDocument:
    """Canonical definitions by key, the rules that they share, and the metadata of the set."""

    flags: Mapping[str, Json]
    evaluators: Mapping[str, Json]
    metadata: Mapping[str, Any]

    def to_json(self) -> dict[str, Json]:
        """Names in order; without what says nothing."""
        said: dict[str, Json] = {}
        if self.evaluators:
            said[SHARED_RULES] = dict(sorted(self.evaluators.items()))
        said["flags"] = dict(sorted(self.flags.items()))
        if self.metadata:
            said["metadata"] = dict(sorted(self.metadata.items()))
        return said

    @property
    def merged(self) -> dict[str, Json]:
        """Definitions that carry the metadata of the set themselves, as an evaluation gives it anyway."""
        shared = {name: value for name, value in self.metadata.items() if name not in OWN}
        if not shared:
            return dict(self.flags)
        return {key: _with_metadata(flag, shared) for key, flag in self.flags.items()}


def _with_metadata(flag: Json, shared: Mapping[str, Json]) -> Json:
    """What the flag says itself counts, in its metadata or as its author wrote it."""
    said = plain(flag).get("metadata", {})
    others = {name: value for name, value in shared.items() if name not in said}
    return {**flag, "metadata": {**others, **flag.get("metadata", {})}}


def parse_flagd(raw: Json) -> FlagdDocument:
    """The document; `flags` by key, or as an array of flags that say their key. `Invalid` with every fault."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "expected an object")])
    faults: Faults = [
        Fault(pointer("", name), "unknown field; expected one of " + ", ".join(_FIELDS))
        for name in sorted(map(str, raw.keys() - set(_FIELDS)))
    ]
    evaluators: Mapping[str, Json] = {}
    try:
        evaluators = parse_evaluators(raw.get(SHARED_RULES) or {})
    except Invalid as refusal:
        faults += _beneath(pointer("", SHARED_RULES), refusal)
    check_metadata(raw.get("metadata"), faults)
    flags: dict[str, Json] = {}
    for path, key, definition in _listed(raw.get("flags"), faults):
        try:
            if check_key(key) in flags:
                faults.append(Fault(f"{path}/key", "another flag has this key"))
            flags[key] = parse_definition(definition, evaluators=evaluators).canonical
        except Invalid as refusal:
            faults += _beneath(path, refusal)
    if faults:
        raise Invalid(sorted(faults, key=lambda fault: fault.path))
    return FlagdDocument(flags, evaluators, raw.get("metadata") or {})


def _listed(flags: Json, faults: Faults) -> Iterator[tuple[str, str, Json]]:
    """Each flag with its place and its key."""
    if not isinstance(flags, list | dict) or len(flags) > MOST_FLAGS:
        faults.append(Fault("/flags", f"expected an object or an array of at most {MOST_FLAGS} flags"))
    elif isinstance(flags, dict):
        for key, definition in flags.items():
            yield pointer("/flags", key), key, definition
    else:
        for number, each in enumerate(flags):
            path = f"/flags/{number}"
            key = each.get("key") if isinstance(each, dict) else None
            if isinstance(key, str):
                yield path, key, {name: said for name, said in each.items() if name != "key"}
            else:
                faults.append(Fault(path, "expected an object with a key"))


def _beneath(path: str, refusal: Invalid) -> list[Fault]:
    return [Fault(path + fault.path, fault.message) for fault in refusal.faults]
