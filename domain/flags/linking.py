"""Flags of one set are valid together: what one needs of another is there, and no two are live that conflict."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from domain.errors import Fault
from domain.flags.authoring import AUTHORING, plain
from domain.flags.authoring.about import CONFLICTS, OFF, listed
from domain.flags.bucketing import Bucketing
from domain.flags.inlining import NotInlinable, gives
from domain.flags.limits import pointer
from domain.flags.prerequisites import LONGEST_CHAIN, PREREQUISITE, Prerequisite, prerequisites
from domain.flags.publishing import Publication, holds, published_set
from domain.flags.results import results
from domain.json_value import Json

_PREREQUISITES: Final = "prerequisites"
_AUTHORED: Final = f"/{AUTHORING}"


def needs(definition: Json) -> frozenset[str]:
    """The flags that this valid one has as prerequisites."""
    return frozenset(each.key for each in prerequisites(plain(definition).get("targeting")))


def linked(definition: Json) -> frozenset[str]:
    """The flags that this valid one needs, or says that it conflicts with."""
    return needs(definition) | frozenset(_conflicts(definition))


def is_linked(definition: Json) -> bool:
    authored = definition.get(AUTHORING) or {}
    return bool(
        {_PREREQUISITES, CONFLICTS} & authored.keys()
        or CONFLICTS in definition.get("metadata", {})
        or holds([authored, definition.get("targeting")], {PREREQUISITE})
    )  # fmt: skip


def link_faults(
    flags: Mapping[str, Json], shared: Mapping[str, Json], bucketing: Bucketing, written: Collection[str]
) -> dict[str, list[Fault]]:
    """What would be wrong if `written` were as `flags` say, each under the written flag that makes it so.

    `flags` are valid by themselves: all that would be served, or of them those that are linked or named by others.
    A written flag that is not among them would be served no longer.
    """
    publication = published_set(flags, shared, bucketing)
    found: dict[str, list[Fault]] = {key: [] for key in written}
    for key in sorted(publication.needs.touched_by(written) & publication.needing.keys()):
        for about, fault in _unmet(publication, key, flags[key]):
            if key in found:
                found[key].append(fault)
            else:
                told = Fault("", f"the flag {key} would not be valid any more: {fault.path} {fault.message}")
                found[_culprit(publication, key, about, written)].append(told)
    for key, fault in _conflicting(flags, publication.shared, written):
        found[key].append(fault)
    return {key: faults for key, faults in found.items() if faults}


def _culprit(publication: Publication, key: str, about: str, written: Collection[str]) -> str:
    """The written flag that spoils what `key` needs."""
    if about in written:
        return about
    return next(each for each in sorted(written) if key in publication.needs.touched_by([each]))


def _unmet(publication: Publication, key: str, raw: Json) -> Iterator[tuple[str, Fault]]:
    """What is wrong with what a flag needs, and with which needed flag."""
    right = True
    for need in prerequisites(publication.needing[key]["targeting"], "/targeting"):
        fault = _fault(publication, key, need)
        if fault is not None:
            right = False
            yield need.key, Fault(_path(raw, need), fault)
    if right and key in publication.too_large:
        path = _AUTHORED if AUTHORING in raw else "/targeting"
        yield key, Fault(path, f"with the rules of the flags that it needs: {publication.too_large[key]}")


def _fault(publication: Publication, key: str, need: Prerequisite) -> str | None:
    definition = publication.flags.get(need.key)
    if definition is None:
        return f"no flag {need.key[:100]!r} here"
    missing = [name for name in need.variants if name not in definition["variants"]]
    if missing:
        return f"the flag {need.key} has no variant {missing[0][:100]!r}"
    circle = publication.needs.circle(key)
    if circle is not None and need.key in circle:
        return "a flag may not need itself: " + ", ".join(circle)
    if publication.needs.longer_than(need.key, LONGEST_CHAIN - 1):
        return f"flags may need each other over at most {LONGEST_CHAIN} steps"
    try:
        gives(need.key, definition, need.variants, publication.shared, publication.bucketing)
    except NotInlinable as why:
        return f"the flag {need.key} {why}"
    return None


def _path(raw: Json, need: Prerequisite) -> str:
    """Where people wrote it."""
    if AUTHORING not in raw:
        return need.path
    for index, each in enumerate(raw[AUTHORING].get(_PREREQUISITES, [])):
        if each["flag"] == need.key:
            return pointer(pointer(_AUTHORED, _PREREQUISITES), index)
    return _AUTHORED


def _conflicts(raw: Json) -> tuple[str, ...]:
    return listed(plain(raw).get("metadata"), CONFLICTS)


def _conflict_path(raw: Json, other: str) -> str:
    """Where the flag says it, or what else would have to change."""
    authored = raw.get(AUTHORING, {}).get(CONFLICTS, [])
    if other in authored:
        return f"{_AUTHORED}/{CONFLICTS}/{authored.index(other)}"
    return f"/metadata/{CONFLICTS}" if other in _conflicts(raw) else "/state"


def _conflicting(
    flags: Mapping[str, Json], shared: Mapping[str, Json], written: Collection[str]
) -> Iterator[tuple[str, Fault]]:
    """A conflict that one side declares holds on both."""
    pairs = {tuple(sorted((key, other))) for key, raw in flags.items() for other in _conflicts(raw)}
    for pair in sorted(pairs):
        if not all(key in flags for key in pair) or not any(key in written for key in pair):
            continue
        if not all(_live(flags[key], shared) for key in pair):
            continue
        for key, other in dict.fromkeys((pair, pair[::-1])):
            if key in written:
                path = _conflict_path(flags[key], other)
                yield key, Fault(path, f"conflicts with the flag {other}, and both would be live")


def _live(raw: Json, shared: Mapping[str, Json]) -> bool:
    """It can give something else than its safe variant: `off`, or what is false."""
    definition = plain(raw)
    if definition["state"] != "ENABLED":
        return False
    default, rule = definition.get("defaultVariant"), definition.get("targeting")
    given = results(rule, shared).names(default) if rule else {default}
    variants = definition["variants"]
    safe = {definition.get("metadata", {}).get(OFF), *(name for name, value in variants.items() if value is False)}
    return bool((variants.keys() if given is None else variants.keys() & given) - safe)
