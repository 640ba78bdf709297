"""The pieces of rules that every tool's language comes down to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from domain.canonical import Json
from domain.flags.importers.reports import Untranslatable
from domain.flags.limits import MOST_NODES

WHOLE: Final = 100_000
"""What the weights of a share add up to."""
SUBJECT: Final[Json] = {"var": "targetingKey"}
NOW: Final[Json] = {"var": "$flagd.timestamp"}
_RESERVED = frozenset({"$flagd", "targetingKey"})


def attribute(*steps: str) -> Json:
    """An attribute of the context by its path; none whose name a path cannot hold."""
    if any(not step or "." in step for step in steps) or steps[0] in _RESERVED:
        raise Untranslatable(f"a rule cannot name the attribute {'/'.join(steps)!r}")
    return {"var": ".".join(steps)}


def text(value: Json) -> Json:
    """It is one: only of a text its conversion is the same."""
    return {"===": [value, {"cat": [value]}]}


def among(value: Json, listed: Sequence[Json]) -> Json:
    """One of the listed, which are no lists or objects: a rule would take these for rules."""
    if any(isinstance(each, list | dict) for each in listed):
        raise Untranslatable("a clause compares with a list or an object")
    return {"in": [value, list(listed)]} if listed else False


def chain(pairs: Sequence[tuple[Json, Json]], otherwise: Json = None) -> Json:
    """The result of the first condition that holds, else `otherwise`."""
    steps: list[Json] = []
    for condition, result in pairs:
        if condition is True:
            otherwise = result
            break
        if condition is not False:
            steps += [condition, result]
    if not steps:
        return otherwise
    return {"if": steps if otherwise is None else [*steps, otherwise]}


def share(by: Json, salt: str, start: int, end: int) -> Json:
    """Whether a subject falls between `start` and `end` of `WHOLE`; one without what it is bucketed by never does."""
    if end <= start:
        return False
    if start <= 0 and end >= WHOLE:
        return {"!!": [by]}
    arms = (("out", start), ("in", end - start), ("out", WHOLE - end))
    kept = [[name, weight] for name, weight in arms if weight > 0]
    return {"and": [{"!!": [by]}, {"==": [{"fractional": [{"cat": [salt, by]}, *kept]}, "in"]}]}


def split(by: Json, salt: str | None, arms: Sequence[tuple[str, int]], otherwise: Json = None) -> Json:
    """One of the arms by weight, without a salt by flag and subject; `otherwise` with nothing to bucket by."""
    live = [name for name, weight in arms if weight > 0]
    if not live:
        raise Untranslatable("its shares add up to nothing")
    if len(set(live)) == 1:
        return live[0]
    written = [[name, weight] for name, weight in arms]
    if salt is None and by == SUBJECT:
        return {"fractional": written}
    steps = [{"!!": [by]}, {"fractional": [{"cat": [salt or "", by]}, *written]}]
    return {"if": steps if otherwise is None else [*steps, otherwise]}


def weights_of(shares: Sequence[float]) -> list[int]:
    """Shares of 1 as weights of `WHOLE`."""
    return [round(each * WHOLE) for each in shares]


def instant(said: str) -> float:
    """Unix seconds of an ISO 8601 instant; one without an offset is in UTC."""
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise Untranslatable(f"{said[:40]!r} is no instant") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def check_size(rule: Json) -> None:
    """Untranslatable for more than a rule may hold; a rule that is written into others is looked at each time."""
    nodes, waiting = 0, [rule]
    while waiting:
        each = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES:
            raise Untranslatable("with what it depends on it is larger than a rule may be")
        if isinstance(each, dict | list):
            waiting += each.values() if isinstance(each, dict) else each
