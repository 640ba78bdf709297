"""A JSON Schema (2020-12) is checked when it is proposed, stays within itself, and cannot make a validation costly."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from domain.canonical import Json, canonical_bytes
from domain.errors import Fault
from domain.flags.limits import MOST_NODES, Faults, pointer
from domain.settings.values import MOST_TEXT_BYTES, json_faults

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_BYTES = MOST_TEXT_BYTES
MOST_FAULTS = 100
MOST_PATTERNS = 50
_LARGEST_PATTERN = 1_000_000
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_UNSUPPORTED = ("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor")
_FOUND_NOTHING = object()


def schema_faults(schema: Json, path: str = "") -> Faults:
    """Why `schema` cannot serve as one, each fault at its JSON Pointer below `path`."""
    if not isinstance(schema, dict):
        return [Fault(path, "expected a JSON Schema, which is an object")]
    faults = json_faults(schema, path)
    if not faults and len(canonical_bytes(schema)) > MOST_BYTES:
        return [Fault(path, f"expected at most {MOST_BYTES} bytes of JSON")]
    faults = faults or [Fault(path + fault.path, fault.message) for fault in dict.fromkeys(_expansion_faults(schema))]
    if faults:
        return faults
    try:
        _validator(canonical_bytes(schema))
    except ValidationError as error:
        return [Fault(_below(path, error), error.message)]
    return []


def instance_faults(schema: Json, value: Json, path: str = "") -> Faults:
    """Where `value` does not satisfy a valid schema; no message repeats a value."""
    errors = islice(_validator(canonical_bytes(schema)).iter_errors(value), MOST_FAULTS)
    return [Fault(_below(path, error), error.message) for error in errors]


@lru_cache(maxsize=256)
def _validator(canonical: bytes) -> Draft202012Validator:
    """Patterns run in linear time: they have neither look-around nor back references."""
    return Draft202012Validator(
        json.loads(canonical),
        validate_formats=True,
        retriever=_refuse,
        mask="the value",
        pattern_options=RegexOptions(size_limit=_LARGEST_PATTERN),
    )


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside of this schema")


def _below(path: str, error: ValidationError) -> str:
    for step in error.instance_path:
        path = pointer(path, step)
    return path


def _expansion_faults(schema: dict[str, Json]) -> Iterator[Fault]:
    """Follow every reference: what a validation may visit is bounded, and so has an end."""
    waiting: list[tuple[Any, str, tuple[str, ...]]] = [(schema, "", ())]
    seen, patterns = 0, 0
    while waiting:
        node, path, followed = waiting.pop()
        seen += 1
        if isinstance(node, list):
            waiting += ((item, pointer(path, place), followed) for place, item in enumerate(node))
        elif isinstance(node, dict):
            waiting += ((item, pointer(path, name), followed) for name, item in node.items())
            yield from _identity_faults(node, path)
            patterns += _patterns_of(node)
            reference = node.get("$ref")
            target = _target(schema, reference)
            if reference in followed:
                yield Fault(pointer(path, "$ref"), "expected a schema that does not contain itself")
            elif target is _FOUND_NOTHING:
                yield Fault(pointer(path, "$ref"), "expected # and a JSON Pointer to a part of this schema")
            elif isinstance(reference, str):
                waiting.append((target, unquote(reference[1:]), (*followed, reference)))
        if seen > MOST_NODES or patterns > MOST_PATTERNS:
            yield Fault("", f"expected at most {MOST_NODES} parts and {MOST_PATTERNS} patterns, references followed")
            return


def _identity_faults(node: dict[str, Json], path: str) -> Iterator[Fault]:
    """A keyword's value is text; a property with the name of a keyword is a schema and so none."""
    if isinstance(node.get("$schema"), str) and node["$schema"].removesuffix("#") != DIALECT:
        yield Fault(pointer(path, "$schema"), f"expected {DIALECT}")
    if path and isinstance(node.get("$id"), str):
        yield Fault(pointer(path, "$id"), "expected $id nowhere but at the top")
    for name in _UNSUPPORTED:
        if isinstance(node.get(name), str):
            yield Fault(pointer(path, name), "unsupported keyword; expected $ref with a JSON Pointer")


def _patterns_of(node: dict[str, Json]) -> int:
    by_pattern = node.get("patternProperties")
    return isinstance(node.get("pattern"), str) + (len(by_pattern) if isinstance(by_pattern, dict) else 0)


def _target(schema: Json, reference: Json) -> Any:
    """What a reference points to, `_FOUND_NOTHING` where it points outside; None when it is no reference."""
    if not isinstance(reference, str):
        return None
    if reference != "#" and not reference.startswith("#/"):
        return _FOUND_NOTHING
    here = schema
    for token in unquote(reference[2:]).split("/") if len(reference) > 1 else ():
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list):
            here = here[int(name)] if _INDEX.fullmatch(name) and int(name) < len(here) else _FOUND_NOTHING
        else:
            here = here.get(name, _FOUND_NOTHING) if isinstance(here, dict) else _FOUND_NOTHING
    return here
