"""A bundle is taken as a whole, or refused with everything that is wrong with it."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar

from domain.bookkeeping import SECTIONS as BOOK_SECTIONS
from domain.bookkeeping import parse_bookkeeping
from domain.canonical import Json, digest_of
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags import SHARED_RULES, check_key, parse_definition, parse_evaluators
from domain.flags.limits import Faults, pointer
from domain.settings.bundle import (
    ALGORITHM,
    FORMAT,
    MOST_DEFINITIONS,
    MOST_FLAGS,
    MOST_VALUES,
    UNSIGNED,
    VERSION,
    Bundle,
    Line,
    Place,
    Signature,
    began,
)
from domain.settings.constraints import parse_constraint
from domain.settings.definition import Definition, parse_setting_definition
from domain.settings.entries import EntryState
from domain.settings.fields import check_setting_key
from domain.settings.scopes import Scope
from domain.settings.values import json_faults

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_SEMVER = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-[0-9A-Za-z.-]{{1,50}})?(\+[0-9A-Za-z.-]{{1,50}})?")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})")
_MAJOR = VERSION.partition(".")[0]
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_SECTIONS = {"format", "version", "tenant", "environment", "definitions", "values", "checksum"}
_SINCE_1_1 = {"flags", "evaluators"}
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{86}")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
T = TypeVar("T")
_FIELDS = {"key", "scope", "state", "value", "enforced", "constraint", "since", "until"}


def parse_bundle(raw: Json) -> Bundle:
    """The bundle in `raw`; `Invalid` with every fault, each at its JSON Pointer."""
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "expected an object")])
    faults = _section_faults(raw)
    definitions = _definitions(raw.get("definitions"), faults)
    lines = _lines(raw.get("values"), faults)
    flags = _flags(raw, faults) if raw.keys() & _SINCE_1_1 else None
    books = parse_bookkeeping(raw, faults) if raw.keys() & BOOK_SECTIONS else None
    signature = _signature(raw["signature"], faults) if raw.get("signature") is not None else None
    if not faults and digest_of({name: raw[name] for name in raw.keys() - UNSIGNED}) != raw["checksum"]:
        faults.append(Fault("/checksum", "expected the checksum of the rest: the bundle was changed or cut off"))
    if faults:
        raise Invalid(faults)
    environment = Environment(raw["environment"])
    return Bundle(
        raw["tenant"], environment, tuple(definitions), tuple(lines), flags, signature, raw["checksum"], books
    )


def _section_faults(raw: Mapping[str, Json]) -> Faults:
    unknown = sorted(map(str, raw.keys() - _SECTIONS - _SINCE_1_1 - BOOK_SECTIONS - UNSIGNED))
    faults = [Fault(pointer("", name), "unknown section") for name in unknown]
    if raw.get("format") != FORMAT:
        faults.append(Fault("/format", f"expected {FORMAT}"))
    version = raw.get("version")
    found = _SEMVER.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        faults.append(Fault("/version", f"expected a version as in Semantic Versioning 2.0, such as {VERSION}"))
    elif found[1] != _MAJOR:
        faults.append(Fault("/version", f"expected a version {_MAJOR}.x.y"))
    tenant = raw.get("tenant")
    if not isinstance(tenant, str) or _SLUG.fullmatch(tenant) is None:
        faults.append(Fault("/tenant", "expected the slug of the tenant that it comes from"))
    if raw.get("environment") not in [each.value for each in Environment]:
        faults.append(Fault("/environment", "expected one of " + ", ".join(each.value for each in Environment)))
    if not isinstance(raw.get("checksum"), str):
        faults.append(Fault("/checksum", "expected sha256: and 64 hex digits"))
    if "exported_at" in raw:
        _instant(raw, "exported_at", "", faults)
    return faults


def _flags(raw: Mapping[str, Json], faults: Faults) -> dict[str, Json] | None:
    """Definitions by key in the form in which they are stored; None where the bundle says nothing of flags."""
    if "flags" not in raw:
        if "evaluators" in raw:
            faults.append(Fault("/flags", "expected an array: shared rules come with the flags that use them"))
        return None
    shared = raw.get("evaluators", {})
    rules = _tried(parse_evaluators, shared, "/evaluators", faults) or {}
    found: dict[str, Json] = {SHARED_RULES: dict(rules)}
    for place, each in enumerate(_listed(raw["flags"], "/flags", MOST_FLAGS, faults)):
        path = f"/flags/{place}"
        if not isinstance(each, dict) or each.keys() != {"key", "definition"}:
            faults.append(Fault(path, "expected an object with key and definition"))
            continue
        key = _tried(_flag_key, each["key"], path, faults)
        definition = _tried(lambda said: parse_definition(said, evaluators=rules), each["definition"],
                            f"{path}/definition", faults)  # fmt: skip
        if key is not None and key in found:
            faults.append(Fault(f"{path}/key", "another flag has this key"))
        elif key is not None and definition is not None:
            found[key] = definition.canonical
    return found


def _flag_key(raw: Json) -> str:
    if not isinstance(raw, str):
        raise Invalid([Fault("/key", "expected text")])
    return check_key(raw)


def _signature(raw: Json, faults: Faults) -> Signature | None:
    if not isinstance(raw, dict) or raw.keys() != {"algorithm", "key", "value"} or raw["algorithm"] != ALGORITHM:
        faults.append(Fault("/signature", f"expected algorithm {ALGORITHM}, key and value, and nothing else"))
        return None
    for name, form in (("key", _KEY), ("value", _SIGNATURE)):
        if not isinstance(raw[name], str) or form.fullmatch(raw[name]) is None:
            faults.append(Fault(f"/signature/{name}", "expected text in base64url without padding"))
            return None
    return Signature(raw["key"], raw["value"])


def _listed(raw: Json, path: str, most: int, faults: Faults) -> list[Json]:
    if isinstance(raw, list) and len(raw) <= most:
        return raw
    faults.append(Fault(path, f"expected an array of at most {most}"))
    return []


def _definitions(raw: Json, faults: Faults) -> list[Definition]:
    found: dict[str, Definition] = {}
    for place, each in enumerate(_listed(raw, "/definitions", MOST_DEFINITIONS, faults)):
        path = f"/definitions/{place}"
        definition = _tried(parse_setting_definition, each, path, faults)
        if definition is not None and definition.key in found:
            faults.append(Fault(f"{path}/key", "another definition has this key"))
        elif definition is not None:
            found[definition.key] = definition
    return list(found.values())


def _lines(raw: Json, faults: Faults) -> list[Line]:
    found: list[Line] = []
    places: dict[Place, list[tuple[Line, str]]] = defaultdict(list)
    for number, each in enumerate(_listed(raw, "/values", MOST_VALUES, faults)):
        path = f"/values/{number}"
        line = _line(each, path, faults)
        if line is not None:
            found.append(line)
            places[line.place].append((line, path))
    for timeline in places.values():
        for (before, _), (line, path) in pairwise(sorted(timeline, key=lambda each: began(each[0]))):
            if began(before) == began(line):
                faults.append(Fault(path, "another value stands at this place at this time"))
            elif before.until is None or before.until > began(line):
                faults.append(Fault(f"{path}/since", "the value before it has not ended by then"))
    return found


def _line(raw: Json, path: str, faults: Faults) -> Line | None:
    if not isinstance(raw, dict):
        faults.append(Fault(path, "expected an object"))
        return None
    own: Faults = [Fault(pointer(path, name), "unknown field") for name in sorted(map(str, raw.keys() - _FIELDS))]
    key = _tried(check_setting_key, raw.get("key"), path, own)
    scope = _tried(Scope.parse, raw.get("scope"), path, own)
    constraint = None
    if "constraint" in raw:
        constraint = _tried(parse_constraint, raw["constraint"], f"{path}/constraint", own)
    enforced = raw.get("enforced", False)
    if not isinstance(enforced, bool):
        own.append(Fault(f"{path}/enforced", "expected true or false"))
    own += _state_faults(raw, path)
    since, until = (_instant(raw, name, path, own) if name in raw else None for name in ("since", "until"))
    if since is not None and until is not None and until <= since:
        own.append(Fault(f"{path}/until", "expected an instant after it begins"))
    faults += own
    if own or key is None or scope is None:
        return None
    return Line(key, scope, EntryState(raw["state"]), raw.get("value"), enforced, constraint, since, until)


def _state_faults(raw: Mapping[str, Json], path: str) -> Faults:
    if raw.get("state") == EntryState.SET.value:
        return json_faults(raw["value"], f"{path}/value") if "value" in raw else [Fault(path, "expected a value")]
    if raw.get("state") != EntryState.UNSET.value:
        return [Fault(f"{path}/state", "expected one of " + ", ".join(EntryState))]
    if "value" in raw:
        return [Fault(f"{path}/value", "expected none: the scope inherits")]
    if raw.get("enforced", False):
        return [Fault(f"{path}/enforced", "there is no value to enforce")]
    return [] if "constraint" in raw else [Fault(path, "expected a value or a constraint")]


def _instant(raw: Mapping[str, Json], name: str, path: str, faults: Faults) -> datetime | None:
    text = raw[name]
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) and _INSTANT.fullmatch(text) else None
    except ValueError:
        instant = None
    if instant is None or not _EARLIEST <= instant < _LATEST:
        faults.append(Fault(f"{path}/{name}", "expected an RFC 3339 instant between 2000 and 2200, with its offset"))
        return None
    return instant.astimezone(UTC)


def _tried(parse: Callable[[Json], T], raw: Json, path: str, faults: Faults) -> T | None:
    try:
        return parse(raw)
    except Invalid as refusal:
        faults += [replace(fault, path=path + fault.path) for fault in refusal.faults]
        return None
