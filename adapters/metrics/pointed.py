"""A template of a JSON service is an address under the service, and a JSON Pointer into what it answers."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Final
from urllib.parse import quote, unquote

from adapters.metrics.answers import Unanswered, counter_of
from domain.canonical import Json
from domain.gates import Buckets, Counts

EACH: Final = "*"
"""The step of a pointer that stands for every tenant."""
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$'()*+,;:@%&=/-]*")
_QUERY: Final = re.compile(r"[A-Za-z0-9._~!$'()*+,;:@%&=/?-]*")
_MANY: Final = "names several; point to one"


@dataclass(frozen=True, slots=True)
class Place:
    """`address` is a path, `asked` what stands behind its question mark, `steps` lead to the value in the answer."""

    address: str
    asked: str
    steps: tuple[str, ...]

    @property
    def words(self) -> str:
        question = f"?{self.asked}" if self.asked else ""
        return f"{self.address}{question}#{''.join('/' + _escaped(step) for step in self.steps)}"


def place(template: str, values: Mapping[str, str]) -> Place:
    """`/path?query#/pointer` with its placeholders filled, none of which can leave the part it stands in."""
    where, mark, pointer = template.partition("#")
    if not mark:
        raise Unanswered("bad_query", detail="needs a # and a JSON Pointer behind its address")
    path, _, asked = where.partition("?")
    safe = {name: quote(value, safe="") for name, value in values.items()}
    address, asked = Template(path).substitute(safe), Template(asked).substitute(safe)
    if not _PATH.fullmatch(address) or not _QUERY.fullmatch(asked):
        raise Unanswered("bad_query", detail="must begin with / and hold only what an address may hold, else as %XX")
    if {".", ".."} & set(unquote(address).split("/")) or address.startswith("//"):
        raise Unanswered("bad_query", detail="must stay under the address of the service")
    return Place(address, asked, _steps(pointer, values))


def pointer_steps(pointer: str) -> tuple[str, ...]:
    """The steps of a JSON Pointer (RFC 6901)."""
    if pointer and not pointer.startswith("/"):
        raise Unanswered("bad_query", detail="has a JSON Pointer that does not begin with /")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _steps(pointer: str, values: Mapping[str, str]) -> tuple[str, ...]:
    return pointer_steps(
        Template(unquote(pointer)).substitute({name: _escaped(value) for name, value in values.items()})
    )


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def at_steps(value: Json, steps: tuple[str, ...]) -> Json:
    """What stands there; None where nothing does. A number or a text has nothing below it."""
    for step in steps:
        if value is None:
            return None
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            raise Unanswered("malformed_answer", detail=f"has nothing below which {step!r} could stand"[:500])
    return value


def each_at(value: Json, steps: tuple[str, ...]) -> dict[str, Json]:
    """By tenant, what stands there; `*` says where the tenants are."""
    if steps.count(EACH) != 1:
        raise Unanswered("series_without_tenant", detail="needs one * in its pointer, where the tenants are")
    here = steps.index(EACH)
    tenants = at_steps(value, steps[:here])
    if tenants is None:
        return {}
    if not isinstance(tenants, dict):
        raise Unanswered("malformed_answer", detail="has no object of tenants where the * is")
    return {slug: at_steps(below, steps[here + 1 :]) for slug, below in tenants.items()}


def number_at(value: Json) -> float | None:
    """The one number; None for nothing, a text, NaN, infinity or less than zero."""
    if isinstance(value, list):
        if len(value) > 1:
            raise Unanswered("ambiguous_series", detail=_MANY)
        value = value[0] if value else None
    if isinstance(value, dict | list):
        raise Unanswered("malformed_answer", detail="is no number")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) and value >= 0 else None
    except OverflowError:
        return None


def buckets_at(value: Json) -> Buckets:
    """Pairs of a bound in seconds ("+Inf" for the last) and the number at or below it; empty where one is no number."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Unanswered("malformed_buckets", detail="must be pairs of a bound and a count")
    heights: dict[float, int] = {}
    try:
        for bound, height in value:
            number = number_at(height)
            if number is None:
                return ()
            if float(bound) in heights:
                raise Unanswered("ambiguous_series", detail=f"names the bound {bound} twice"[:500])
            heights[float(bound)] = counter_of(number)
    except (TypeError, ValueError) as error:
        raise Unanswered("malformed_buckets", detail="must be pairs of a bound and a count") from error
    try:
        return Counts(0, 0, tuple(sorted(heights.items()))).buckets
    except ValueError as error:
        raise Unanswered("malformed_buckets", detail="buckets must accumulate and end at +Inf") from error


def instant_at(value: Json) -> datetime:
    """Seconds since 1970, or a date and time with its offset from UTC."""
    try:
        said = datetime.fromisoformat(value) if isinstance(value, str) else _since_1970(value)
    except (ValueError, OverflowError, OSError) as error:
        raise Unanswered("malformed_answer", detail="does not say when it counted") from error
    if said is None or said.tzinfo is None:
        raise Unanswered("malformed_answer", detail="does not say when it counted, with its time zone")
    return said


def _since_1970(value: Json) -> datetime | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return datetime.fromtimestamp(value, UTC) if number else None
