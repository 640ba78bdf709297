"""Exposure rises by moving fractional weights between two arms whose order never changes.

The candidate comes first, so its range of buckets only grows from zero upwards: nobody leaves the cohort while it
grows, and whoever came last leaves first when it shrinks (flagd, fractional operator).
"""

from collections.abc import Iterator

from domain.canonical import Json, canonical_bytes
from domain.errors import Fault, Invalid
from domain.flags.authoring import AUTHORING, plain
from domain.pointers import escaped

TOTAL_WEIGHT = 100_000
_INSTANCE: Json = {"var": "instance"}
_PLACE: Json = {"cat": [{"var": "$flagd.flagKey"}, _INSTANCE]}
_SUBJECT: Json = {"var": "targetingKey"}
_NAMED: Json = {"cat": [{"var": "$flagd.flagKey"}, _SUBJECT]}


class NotRollable(Invalid):
    """This change cannot be rolled out in stages."""

    kind = "not-rollable"


def check_exposure(base: Json | None, content: Json) -> None:
    """Refuse what could not be exposed gradually; paths point into `content`.

    Of an authored flag it is `serve`, where that is one variant, by which everybody else moves.
    """
    faults = []
    if base is None:
        faults.append(Fault("", "the flag does not exist yet; create it with a one-stage plan"))
        raise NotRollable(faults)
    targeting, moving = "/targeting", "/defaultVariant"
    if AUTHORING in content:
        targeting, moving = f"/{AUTHORING}", f"/{AUTHORING}/serve"
    base, content = plain(base), plain(content)
    candidate, control = content.get("defaultVariant"), base.get("defaultVariant")
    if candidate is None or control is None:
        faults.append(Fault(moving, "old and new content both need a default variant"))
    elif candidate == control:
        faults.append(Fault(moving, "the default variant does not change; nothing would be rolled out"))
    else:
        faults.extend(_variant_faults(base, content, control))
    if content.get("state") != "ENABLED" or base.get("state") != "ENABLED":
        faults.append(Fault("/state", "old and new content must both be ENABLED"))
    if content.get("targeting") != base.get("targeting"):
        faults.append(Fault(targeting, "targeting changes for everybody at once; make it a change of its own"))
    if faults:
        raise NotRollable(faults)


def _variant_faults(base: Json, content: Json, control: str) -> Iterator[Fault]:
    """Who gets the old default must go on getting it; and targeting serves its variants to everybody at once."""
    for name, value in base["variants"].items():
        kept = name in content["variants"] and _same(content["variants"][name], value)
        if name == control and not kept:
            yield Fault(f"/variants/{escaped(name)}", "the present default variant must stay as it is")
        elif base.get("targeting") and not kept:
            yield Fault(f"/variants/{escaped(name)}", "targeting may serve it now; it must stay as it is")


def _same(a: Json, b: Json) -> bool:
    """The same bytes, so that true is not 1."""
    return canonical_bytes(a) == canonical_bytes(b)


def exposed(base: Json, content: Json, weight: int, *, by_instance: bool = False, named: bool = False) -> Json:
    """The definition that serves the new default to `weight` of 100000, and the old default to the rest.

    Targeting that already exists keeps precedence: only whoever would get the default is split. By instance, everybody
    whom one instance serves has the same; who names no instance is split as a subject. A stage on the way is plain;
    what was authored stands again at the end. With `named` the split names its subject, so that other flags can say
    what this one gives; under bucketing v3 that puts others into the first arm than a split that names none.
    """
    if weight >= TOTAL_WEIGHT:
        return content
    authored = AUTHORING in content
    base, content = plain(base), plain(content)
    candidate, control = content["defaultVariant"], base["defaultVariant"]
    arms: list[Json] = [[candidate, weight], [control, TOTAL_WEIGHT - weight]]
    split: Json = {"if": [_SUBJECT, {"fractional": [_NAMED, *arms]}, None]} if named else {"fractional": arms}
    if by_instance:
        split = {"if": [_INSTANCE, {"fractional": [_PLACE, *arms]}, split]}
    targeting = content.get("targeting")
    rule = _before(targeting, split, authored=authored) if targeting else split
    return {**content, "defaultVariant": control, "targeting": rule}


def _before(targeting: Json, split: Json, *, authored: bool) -> Json:
    """What was authored gives names or null, and is written once; what else a rule gives may count as false."""
    return {"or": [targeting, split]} if authored else {"if": [{"!==": [targeting, None]}, targeting, split]}


def by_subject(exposure: Json) -> bool:
    """Whether the split of a stage names its subject."""
    rule = exposure.get("targeting")
    while isinstance(rule, dict) and not rule.keys().isdisjoint({"if", "or"}):
        ((_, steps),) = rule.items()
        if steps[0] == _SUBJECT:
            return True
        rule = steps[-1]
    return False
