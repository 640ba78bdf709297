"""A query of Datadog is a sum of counts, and its answer is buckets of that sum, each on the grid it was asked for."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import Template
from typing import Final

from adapters.metrics.answers import Series, Unanswered
from domain.canonical import Json
from domain.gates import CohortQuery, MetricQuery

_SUM: Final = re.compile(r"sum:[A-Za-z][\w.]{0,199}\{[^{}]*\}(?: by \{[\w., -]+\})?\.as_count\(\)")
_ZERO: Final = re.compile(r"default_zero\((.*)\)", re.DOTALL)
_TAG: Final = re.compile(r"[A-Za-z0-9_.:/-]+")
_FORM: Final = "must be sum:METRIC{...}.as_count(), in default_zero(...) where no error may have been counted yet"
_BOUNDS: Final = ("le", "upper_bound")


@dataclass(frozen=True, slots=True)
class Bucketed:
    """The buckets of one series: by the second at which each ends, what was counted in it."""

    labels: tuple[tuple[str, str], ...]
    ends: dict[int, float]


def grid(instant: float, width: int) -> int:
    """The last edge of the grid at or before `instant`."""
    return math.floor(instant / width) * width


def worded(name: str, template: str, query: MetricQuery | CohortQuery, variant: str | None) -> str:
    """The query that counts, in which no value can be anything else than the value of a tag."""
    if name == "synthetic":
        raise Unanswered("bad_query", detail="is not read from Datadog: a probe is no sum of counts")
    key = query.flag if isinstance(query, MetricQuery) else query.key
    values = {"flag": key, "key": key, "environment": query.environment.value, "variant": variant or ""}
    used = {values[each] for each in Template(template).get_identifiers()}
    if not all(_TAG.fullmatch(value) for value in used):
        raise Unanswered("bad_query", detail="needs names of letters, digits and _ . : / - only, as tags have them")
    text = Template(template).substitute(values).strip()
    if not _SUM.fullmatch(_inner(text)):
        raise Unanswered("bad_query", detail=_FORM)
    return text


def rolled(text: str, width: int) -> str:
    """The same in buckets of so many seconds."""
    sum_of = f"{_inner(text)}.rollup(sum, {width})"
    return f"default_zero({sum_of})" if _ZERO.fullmatch(text) else sum_of


def _inner(text: str) -> str:
    zero = _ZERO.fullmatch(text)
    return zero[1].strip() if zero else text


def series_in(document: Json, span: tuple[int, int], width: int) -> list[Bucketed]:
    """The whole buckets within `span`; null is a bucket in which nothing was reported."""
    try:
        if document.get("status") != "ok" or document.get("error"):
            raise Unanswered("bad_query", detail=str(document.get("error") or document.get("status"))[:500])
        found = [_bucketed(one, span, width) for one in document["series"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Unanswered("malformed_answer") from error
    if len({each.labels for each in found}) != len(found):
        raise Unanswered("ambiguous_series", detail="returns two series of the same tags")
    return found


def _bucketed(one: Json, span: tuple[int, int], width: int) -> Bucketed:
    labels = sorted(_label(tag) for tag in one.get("tag_set") or [])
    ends: dict[int, float] = {}
    for milliseconds, count in one["pointlist"]:
        start = milliseconds / 1000
        if start % width:
            raise Unanswered("malformed_answer", detail="answers in other buckets than were asked for")
        if span[0] <= start and start + width <= span[1] and count is not None:
            if int(start) + width in ends:
                raise Unanswered("ambiguous_series", detail="names one bucket twice")
            ends[int(start) + width] = float(count) if _counted(count) else math.nan
    return Bucketed(tuple(labels), ends)


def _label(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition(":")
    return ("le" if name in _BOUNDS else name), value


def _counted(count: object) -> bool:
    return isinstance(count, int | float) and not isinstance(count, bool) and count >= 0


def summed(found: Iterable[Bucketed], until: int | None = None) -> Series:
    """Each series as one number, of buckets that end by `until`; one without any bucket at all is none."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for series in found:
        if series.ends:
            count = sum(count for end, count in series.ends.items() if until is None or end <= until)
            sums[series.labels] = sums.get(series.labels, 0.0) + count
    return [{"metric": dict(labels), "value": [until, total]} for labels, total in sums.items()]
