"""What people wrote is named where it stands in what is published: authored rules, prerequisites, address ranges."""

from collections.abc import Iterator, Mapping
from typing import Final

from domain.flags.authoring import AUTHORING, plain, plain_rule
from domain.flags.evaluators import SHARED_RULES, references
from domain.flags.limits import pointer
from domain.json_value import Json

_TARGETING: Final = "/targeting"


def written(definition: Json, shared: Mapping[str, Json]) -> dict[str, str]:
    """By JSON Pointer into the published definition, for one as it is stored."""
    rule = plain(definition).get("targeting")
    named = dict(_replaced(rule, _TARGETING))
    for name in references(rule) & shared.keys():
        named |= _replaced(plain_rule(shared[name]), pointer(f"/{SHARED_RULES}", name))
    if AUTHORING in definition and isinstance(rule, dict):
        named |= _authored(definition[AUTHORING], rule)
    return named


def _replaced(rule: Json, path: str) -> Iterator[tuple[str, str]]:
    """What is not published as it is written, at the place where something else stands then."""
    if isinstance(rule, list):
        for index, each in enumerate(rule):
            yield from _replaced(each, pointer(path, index))
    elif isinstance(rule, dict):
        for operator, operands in rule.items():
            if operator == "$flag":
                yield path, f"prerequisite `{operands[0]}`"
            elif operator == "ip_range":
                yield path, "the address range"
            else:
                yield from _replaced(operands, pointer(path, operator))


def _authored(authoring: Json, rule: Json) -> Iterator[tuple[str, str]]:
    """The values of the chain of rules that was made of it, and what stands at its end."""
    steps = list(_steps(authoring))
    if not steps:
        yield _TARGETING, "serve"
        return
    chain = pointer(_TARGETING, "if")
    yield from ((pointer(chain, 2 * number + 1), name) for number, name in enumerate(steps))
    if len(rule["if"]) % 2:
        yield pointer(chain, 2 * len(steps)), "serve"


def _steps(authoring: Json) -> Iterator[str]:
    """Members of the authoring, in the order in which they count."""
    force = authoring.get("force", {})
    if "off" in force:
        yield "force/off"
    yield from _by_variant(force.get("on"), "force/on")
    if authoring.get("on") is False:
        return
    if "prerequisites" in authoring:
        yield "prerequisites"
    yield from _by_variant(authoring.get("targets"), "targets")
    yield from (f"rules/{number}" for number, _ in enumerate(authoring.get("rules", ())))


def _by_variant(listed: Json, path: str) -> Iterator[str]:
    if isinstance(listed, list):
        yield path
    elif listed is not None:
        yield from (pointer(path, variant) for variant in sorted(listed))
