"""Clauses of LaunchDarkly as rules: one of the values matches, and what is not there matches nothing."""

from collections.abc import Callable, Sequence

from domain.canonical import Json
from domain.flags.combining import either, every, negated, number, present
from domain.flags.importers.building import SUBJECT, among, attribute, check_size, instant, share
from domain.flags.importers.launchdarkly_document import Clause, Segment, SegmentTarget
from domain.flags.importers.patterns import matching
from domain.flags.importers.reports import REBUCKETED, Remarks, Untranslatable
from domain.flags.limits import DEEPEST

Test = Callable[[Json, Sequence[Json]], Json]
_MILLISECONDS = 1000


def value_of(name: str, kind: str | None, remarks: Remarks) -> Json:
    """The attribute of a context of this kind; what is no user stands in the context under its kind.

    Only where the kind is said a name with slashes is a path: without it the rule is from before there were kinds.
    """
    if name == "kind":
        raise Untranslatable("a clause asks for the kind of a context")
    path = kind is not None and name.startswith("/")
    steps = [_unescaped(step) for step in name[1:].split("/")] if path else [name]
    if kind in {None, "user"}:
        return SUBJECT if steps == ["key"] else attribute(*steps)
    remarks.differs(f"what is asked of a context of the kind {kind} is read from the attribute {kind}")
    return attribute(str(kind), *steps)


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _texts(operator: str) -> Test:
    return lambda value, listed: either([{operator: [value, each]} for each in listed if isinstance(each, str)])


def _numbers(operator: str) -> Test:
    def test(value: Json, listed: Sequence[Json]) -> Json:
        wanted = [each for each in listed if isinstance(each, int | float) and not isinstance(each, bool)]
        return every([number(value), either([{operator: [value, each]} for each in wanted])])

    return test


def _dates(operator: str) -> Test:
    def test(value: Json, listed: Sequence[Json]) -> Json:
        wanted = [int(instant(each) * _MILLISECONDS) if isinstance(each, str) else each for each in listed]
        return _numbers(operator)(value, wanted)

    return test


def _versions(operator: str) -> Test:
    return lambda value, listed: either(
        [{"sem_ver": [value, operator, each]} for each in listed if isinstance(each, str)]
    )


_TESTS: dict[str, Test] = {
    "in": among,
    "startsWith": _texts("starts_with"),
    "endsWith": _texts("ends_with"),
    "contains": lambda value, listed: either([{"in": [each, value]} for each in listed if isinstance(each, str)]),
    "matches": lambda value, listed: either([matching(value, each) for each in listed if isinstance(each, str)]),
    "lessThan": _numbers("<"),
    "lessThanOrEqual": _numbers("<="),
    "greaterThan": _numbers(">"),
    "greaterThanOrEqual": _numbers(">="),
    "before": _dates("<"),
    "after": _dates(">"),
    "semVerEqual": _versions("="),
    "semVerLessThan": _versions("<"),
    "semVerGreaterThan": _versions(">"),
}


class Segments:
    """Each segment is a shared rule; what it takes from another one is written into it."""

    def __init__(self, segments: Sequence[Segment], rules: dict[str, Json]) -> None:
        self._segments = {segment.key: segment for segment in segments}
        self._rules = rules
        self._made: dict[str, tuple[Json, Remarks]] = {}

    def matched(self, clauses: Sequence[Clause], remarks: Remarks, within: tuple[str, ...] = ()) -> Json:
        """All of the clauses hold; `within` are the segments around them."""
        return every([self._clause(each, remarks, within) for each in clauses])

    def _clause(self, clause: Clause, remarks: Remarks, within: tuple[str, ...]) -> Json:
        if clause.op == "segmentMatch":
            found = either([self._segment(str(each), remarks, within) for each in clause.values])
            return negated(found) if clause.negate else found
        test = _TESTS.get(clause.op)
        if test is None:
            raise Untranslatable(f"there is no operator for {clause.op[:100]!r}")
        if clause.op in {"before", "after"}:
            remarks.differs(f"{clause.attribute} is compared as milliseconds since 1970: as a text it matches nothing")
        value = value_of(clause.attribute, clause.contextKind, remarks)
        found = test(value, clause.values)
        return every([present(value), negated(found)]) if clause.negate else found

    def _segment(self, key: str, remarks: Remarks, within: tuple[str, ...]) -> Json:
        """By its name, or within another one written out: a shared rule cannot name the next."""
        if key in within or len(within) > DEEPEST:
            raise Untranslatable(f"its segments go in a circle, or in too long a line: {', '.join((*within, key))}")
        if key not in self._made:
            own = Remarks()
            rule = self._rule(key, own, (*within, key))
            check_size(rule)
            self._made[key] = rule, own
        rule, own = self._made[key]
        remarks.take(own, "" if within else f"segment {key}: ")
        if within:
            return rule
        self._rules[key] = rule
        return {"$ref": key}

    def _rule(self, key: str, remarks: Remarks, within: tuple[str, ...]) -> Json:
        segment = self._segments.get(key)
        if segment is None:
            raise Untranslatable(f"the segment {key} is not in the document")
        if segment.unbounded:
            raise Untranslatable(f"the segment {key} keeps its members outside of the document")
        included = _listed(segment.included, segment.includedContexts, remarks)
        excluded = _listed(segment.excluded, segment.excludedContexts, remarks)
        ruled = []
        for rule in segment.rules or []:
            matched = self.matched(rule.clauses, remarks, within)
            if rule.weight is not None:
                remarks.differs(REBUCKETED)
                by = value_of(rule.bucketBy or "key", rule.rolloutContextKind, remarks)
                matched = every([matched, share(by, f"{key}/", 0, rule.weight)])
            ruled.append(matched)
        return either([included, every([negated(excluded), either(ruled)])])


def _listed(keys: Sequence[str] | None, others: Sequence[SegmentTarget] | None, remarks: Remarks) -> Json:
    rules = [among(SUBJECT, keys or ())]
    rules += [among(value_of("key", each.contextKind, remarks), each.values) for each in others or ()]
    return either(rules)
