"""An instance serves the version that was newest at the revision that it holds."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """So many hold this version; None is one that is older than what is still known."""

    version: int | None
    instances: int


def version_at(revision: int, written: Iterable[tuple[int, int]]) -> int | None:
    """`written` are (revision, version) in rising order; None before the first of them."""
    known = list(written)
    place = bisect_right(known, revision, key=lambda each: each[0])
    return known[place - 1][1] if place else None


def shares(tally: Mapping[int, int], written: Iterable[tuple[int, int]]) -> tuple[Share, ...]:
    """Newest version first; together they are as many as the tally has."""
    known = sorted(written)
    counts: Counter[int | None] = Counter()
    for revision, instances in tally.items():
        counts[version_at(revision, known)] += instances
    ordered = sorted(counts.items(), key=lambda each: -1 if each[0] is None else each[0], reverse=True)
    return tuple(Share(version, instances) for version, instances in ordered)
