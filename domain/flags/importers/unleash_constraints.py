"""Constraints, segments and strategies of Unleash as rules that hold or do not."""

from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Final

from domain.canonical import Json
from domain.flags.addresses import IP_RANGE
from domain.flags.combining import either, every, negated, present
from domain.flags.importers.building import NOW, SUBJECT, WHOLE, among, attribute, instant, share
from domain.flags.importers.reports import REBUCKETED, Remarks, Untranslatable
from domain.flags.importers.unleash_document import Constraint, Segment, Strategy

FALLBACK: Final = "without a user Unleash goes by the session or by chance: here only the targeting key counts"
CANONICAL: Final = "an address counts in its canonical text, and one that is mapped to IPv6 in no range of IPv4"
_PERCENT = 100


def value_of(name: str) -> Json:
    """A field of the context: the user is the targeting key."""
    return SUBJECT if name == "userId" else attribute(name)


def bucketed(stickiness: str, remarks: Remarks) -> Json:
    """What shares go by."""
    if stickiness == "random":
        raise Untranslatable("it goes by chance, anew at each evaluation")
    remarks.differs(REBUCKETED)
    if stickiness == "default":
        remarks.differs(FALLBACK)
    return SUBJECT if stickiness == "default" else value_of(stickiness)


def constrained(constraint: Constraint, remarks: Remarks) -> Json:
    test = _TESTS.get(constraint.operator)
    if test is None:
        raise Untranslatable(f"there is no operator for {constraint.operator[:100]!r}")
    if constraint.operator in _LISTING and not constraint.values:
        raise Untranslatable("one of its constraints lists nothing")
    if constraint.caseInsensitive and constraint.operator.startswith("STR_"):
        raise Untranslatable("a constraint does not tell capital letters from small ones, and no operator here does so")
    found = test(constraint, remarks)
    return negated(found) if constraint.inverted else found


def _listed(constraint: Constraint, _remarks: Remarks) -> Json:
    return among(value_of(constraint.contextName), constraint.values or ())


def _unlisted(constraint: Constraint, remarks: Remarks) -> Json:
    return negated(_listed(constraint, remarks))


def _texts(rule: Callable[[Json, str], Json]) -> Callable[[Constraint, Remarks], Json]:
    def test(constraint: Constraint, _remarks: Remarks) -> Json:
        value = value_of(constraint.contextName)
        return either([rule(value, each) for each in constraint.values or ()])

    return test


def _numbers(operator: str) -> Callable[[Constraint, Remarks], Json]:
    def test(constraint: Constraint, _remarks: Remarks) -> Json:
        value = value_of(constraint.contextName)
        try:
            wanted = float(constraint.value or "")
        except ValueError:
            raise Untranslatable("a constraint compares with what is no number") from None
        return every([present(value), {operator: [value, int(wanted) if wanted.is_integer() else wanted]}])

    return test


def _dates(operator: str) -> Callable[[Constraint, Remarks], Json]:
    def test(constraint: Constraint, remarks: Remarks) -> Json:
        wanted = int(instant(constraint.value or ""))
        if constraint.contextName == "currentTime":
            remarks.says("it goes by the clock, to the second: its answers are not kept by clients")
            return {operator: [NOW, wanted]}
        value = value_of(constraint.contextName)
        remarks.differs(f"{constraint.contextName} is compared as seconds since 1970: as a text it matches nothing")
        return every([present(value), {operator: [value, wanted]}])

    return test


def _versions(operator: str) -> Callable[[Constraint, Remarks], Json]:
    def test(constraint: Constraint, _remarks: Remarks) -> Json:
        return {"sem_ver": [value_of(constraint.contextName), operator, constraint.value or ""]}

    return test


_TESTS: dict[str, Callable[[Constraint, Remarks], Json]] = {
    "IN": _listed,
    "NOT_IN": _unlisted,
    "STR_STARTS_WITH": _texts(lambda value, text: {"starts_with": [value, text]}),
    "STR_ENDS_WITH": _texts(lambda value, text: {"ends_with": [value, text]}),
    "STR_CONTAINS": _texts(lambda value, text: {"in": [text, value]}),
    "NUM_EQ": _numbers("=="),
    "NUM_GT": _numbers(">"),
    "NUM_GTE": _numbers(">="),
    "NUM_LT": _numbers("<"),
    "NUM_LTE": _numbers("<="),
    "DATE_AFTER": _dates(">"),
    "DATE_BEFORE": _dates("<"),
    "SEMVER_EQ": _versions("="),
    "SEMVER_GT": _versions(">"),
    "SEMVER_LT": _versions("<"),
}


_LISTING = frozenset({"IN", "NOT_IN", "STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS"})


class Segments:
    """Each segment is a shared rule under its name."""

    def __init__(self, segments: Sequence[Segment], rules: dict[str, Json]) -> None:
        self._segments = {segment.id: segment for segment in segments}
        self._rules = rules
        self._remarks: dict[str, Remarks] = {}

    def named(self, number: int, remarks: Remarks) -> Json:
        segment = self._segments.get(number)
        if segment is None or segment.constraints is None:
            raise Untranslatable(f"the constraints of its segment {number} are not in the document")
        name = segment.name or f"segment-{number}"
        if name not in self._rules:
            own = Remarks()
            self._rules[name] = every([constrained(each, own) for each in segment.constraints])
            self._remarks[name] = own
        remarks.take(self._remarks[name], f"segment {name}: ")
        return {"$ref": name}


def activated(strategy: Strategy, feature: str, remarks: Remarks) -> Json:
    """Whether a strategy by itself enables the feature, before its constraints."""
    name, parameters = strategy.name or strategy.strategyName or "", strategy.parameters or {}
    if name == "default":
        return True
    if name == "userWithId":
        return among(SUBJECT, _separated(parameters.get("userIds")))
    if name == "remoteAddress":
        return _addresses(attribute("remoteAddress"), _separated(parameters.get("IPs")), remarks)
    stickiness = {"gradualRolloutUserId": "userId", "gradualRolloutSessionId": "sessionId"}.get(name)
    if name == "flexibleRollout":
        stickiness = str(parameters.get("stickiness") or "default")
    if stickiness is None:
        raise Untranslatable(f"there is no strategy {name[:100]!r}")
    percent = _percent(parameters.get("rollout" if name == "flexibleRollout" else "percentage"))
    if percent == 0 or (percent == _PERCENT and stickiness in {"default", "random"}):
        return percent == _PERCENT
    by = value_of(stickiness) if percent == _PERCENT else bucketed(stickiness, remarks)
    return share(by, f"{parameters.get('groupId') or feature}:", 0, percent * WHOLE // _PERCENT)


def _addresses(value: Json, written: Sequence[str], remarks: Remarks) -> Json:
    if not any("/" in each for each in written):
        return among(value, written)
    try:
        networks = [str(ip_network(each, strict=False)) for each in written]
    except ValueError:
        raise Untranslatable("it is enabled for a range of addresses that is none") from None
    remarks.differs(CANONICAL)
    return {IP_RANGE: [value, *networks]}


def _separated(text: Json) -> list[str]:
    return [each.strip() for each in str(text or "").split(",") if each.strip()]


def _percent(said: Json) -> int:
    try:
        percent = int(str(said))
    except ValueError:
        percent = -1
    if not 0 <= percent <= _PERCENT:
        raise Untranslatable("one of its strategies has no percentage from 0 to 100")
    return percent
