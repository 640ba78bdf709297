"""What a change of flags does to contexts: for how many another value, variant or reason comes out, and for whom."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from domain.flags.bucketing import Bucketing
from domain.flags.evaluation import ErrorCode, Evaluation, failure
from domain.flags.jsonlogic import compile_rule
from domain.flags.redacted import NotKnown, Redaction
from domain.flags.resolution import Resolve, Setting, compile_flag
from domain.json_value import Json, same

MOST_EVALUATIONS: Final = 200_000
"""Of one side; of many flags fewer contexts are looked at."""
MOST_TOLD: Final = 100
"""Flags that are told of by themselves, and segments, the most touched first."""
MOST_EXAMPLES: Final = 10
_Z: Final = 1.959964
"""Of the normal distribution, two-sided, at 95 %."""
_RULE_OF_THREE: Final = 3.0
_NO_FLAG: Final = failure("", ErrorCode.FLAG_NOT_FOUND, "no such flag here", {})


@dataclass(frozen=True)
class Side:
    """A flag set as it is published: before a change, or after it."""

    flags: Mapping[str, Json]
    shared: Mapping[str, Json] = field(default_factory=dict)
    bucketing: Bucketing = Bucketing.V3


class Outcome(NamedTuple):
    """The variant, null where the code's own default holds, and the reason or what is wrong."""

    variant: str | None
    reason: str


@dataclass(frozen=True)
class Move:
    """`times` contexts go from one outcome to the other."""

    before: Outcome
    after: Outcome
    times: int


@dataclass(frozen=True)
class FlagImpact:
    """`changed` + `unchanged` + `unknown` are all contexts; of the changed so many get another value, or variant."""

    key: str
    changed: int
    unchanged: int
    unknown: int
    values: int
    variants: int
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class SegmentImpact:
    """A shared rule: so many contexts are in it, of which so many change; of so many that is not known."""

    name: str
    contexts: int
    changed: int
    unknown: int


@dataclass(frozen=True)
class Example:
    """The context with this index changes at this flag."""

    index: int
    key: str
    before: Outcome
    after: Outcome


@dataclass(frozen=True)
class Impact:
    """`changed` + `unchanged` + `unknown` are all contexts; a context changes where any flag does.

    `touched` flags can change at all; of the most touched each is told.
    """

    contexts: int
    changed: int
    unchanged: int
    unknown: int
    touched: int
    flags: tuple[FlagImpact, ...]
    segments: tuple[SegmentImpact, ...]
    examples: tuple[Example, ...]

    @property
    def known(self) -> int:
        return self.changed + self.unchanged

    @property
    def between(self) -> tuple[float, float] | None:
        """Between which shares that of all contexts lies, at 95 %, as far as these were drawn from them."""
        return share_between(self.changed, self.known) if self.known else None


def share_between(changed: int, known: int) -> tuple[float, float]:
    """Wilson's interval (1927); of nobody, or of everybody, the rule of three."""
    rest = min(1.0, _RULE_OF_THREE / known)
    if changed in (0, known):
        return (0.0, rest) if not changed else (1.0 - rest, 1.0)
    share, square = changed / known, _Z * _Z
    middle = (share + square / (2 * known)) / (1 + square / known)
    reach = _Z * math.sqrt(share * (1 - share) / known + square / (4 * known * known)) / (1 + square / known)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def impact(
    before: Side, after: Side, contexts: Sequence[Mapping[str, Any]], *, at: float, redaction: Redaction | None = None,
    look: Callable[[], object] = bool,
) -> Impact:  # fmt: skip
    """Both are evaluated at the same Unix second; `redaction` says what was kept of contexts, None stands for all.

    `look` is called before each context is looked at, and may raise to end it.
    """
    keys = touched(before, after)
    looked = contexts[: max(1, MOST_EVALUATIONS // max(1, len(keys)))]
    weighing = _Weighing(before, after, at, redaction, look)
    told = [weighing.flag(key, looked) for key in keys]
    unknown = weighing.unknown - weighing.changed.keys()
    most = sorted(told, key=lambda each: (-each.changed, -each.unknown, each.key))
    return Impact(
        contexts=len(looked),
        changed=len(weighing.changed),
        unchanged=len(looked) - len(weighing.changed) - len(unknown),
        unknown=len(unknown),
        touched=len(keys),
        flags=tuple(most[:MOST_TOLD]),
        segments=weighing.segments(keys, looked),
        examples=tuple(weighing.changed[index] for index in islice(sorted(weighing.changed), MOST_EXAMPLES)),
    )


def touched(before: Side, after: Side) -> list[str]:
    """Flags whose published definition, or whose reading of it, is another one; archived ones are published nowhere."""
    if before.bucketing is not after.bucketing:
        return sorted({*before.flags, *after.flags})
    shared = {name for name in {*before.shared, *after.shared} if not _same_at(name, before.shared, after.shared)}
    return sorted(
        key
        for key in {*before.flags, *after.flags}
        if not _same_at(key, before.flags, after.flags) or shared & references(after.flags[key].get("targeting"))
    )


def references(rule: Json) -> set[str]:
    """The shared rules that a rule names."""
    if isinstance(rule, list):
        return {name for each in rule for name in references(each)}
    if not isinstance(rule, dict):
        return set()
    named = rule.get("$ref")
    inner = {name for each in rule.values() for name in references(each)}
    return inner | {named} if isinstance(named, str) else inner


def _same_at(name: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> bool:
    return name in before and name in after and same(before[name], after[name])


class _Weighing:
    """`changed` holds, by index, where a context changes first."""

    def __init__(
        self, before: Side, after: Side, at: float, redaction: Redaction | None, look: Callable[[], object]
    ) -> None:
        self._look = look
        self._compiled = compile_rule if redaction is None else partial(compile_rule, forms=redaction.forms)
        self._before, self._after = before, after
        self._settings = {id(side): Setting(side.bucketing, {}, side.shared, lambda: at) for side in (before, after)}
        self.changed: dict[int, Example] = {}
        self.unknown: set[int] = set()

    def flag(self, key: str, contexts: Sequence[Mapping[str, Any]]) -> FlagImpact:
        old, new = (self._resolve(key, side.flags.get(key), side) for side in (self._before, self._after))
        moves: Counter[tuple[Outcome, Outcome]] = Counter()
        values = variants = unknown = 0
        for index, context in enumerate(contexts):
            self._look()
            try:
                one, other = old(context), new(context)
            except NotKnown:
                unknown += 1
                self.unknown.add(index)
                continue
            value = one.value is not other.value and not same(one.value, other.value)
            move = _outcome(one), _outcome(other)
            if value or move[0] != move[1]:
                moves[move] += 1
                values += value
                variants += move[0].variant != move[1].variant
                self.changed.setdefault(index, Example(index, key, *move))
        changed = moves.total()
        ordered = sorted(moves.items(), key=lambda each: (-each[1], repr(each[0])))
        told = tuple(Move(*move, times) for move, times in ordered)
        return FlagImpact(key, changed, len(contexts) - changed - unknown, unknown, values, variants, told)

    def segments(self, keys: Sequence[str], contexts: Sequence[Mapping[str, Any]]) -> tuple[SegmentImpact, ...]:
        """Of the shared rules that touched flags name, as they are afterwards where they are there then."""
        flags = [side.flags[key] for key in keys for side in (self._before, self._after) if key in side.flags]
        named = sorted({name for flag in flags for name in references(flag.get("targeting"))})
        most = max(1, MOST_EVALUATIONS // max(1, len(contexts)))
        told = [self._segment(name, contexts) for name in named[: min(most, MOST_TOLD)]]
        return tuple(sorted(told, key=lambda each: (-each.changed, each.name)))

    def _segment(self, name: str, contexts: Sequence[Mapping[str, Any]]) -> SegmentImpact:
        side = self._after if name in self._after.shared else self._before
        rule: Json = {"if": [{"$ref": name}, "in", "out"]}
        variants = {"in": True, "out": False}
        holds = self._resolve(name, {"state": "ENABLED", "variants": variants, "targeting": rule}, side)
        among = changed = unknown = 0
        for index, context in enumerate(contexts):
            self._look()
            try:
                inside = holds(context).variant == "in"
            except NotKnown:
                unknown += 1
                continue
            among += inside
            changed += inside and index in self.changed
        return SegmentImpact(name, among, changed, unknown)

    def _resolve(self, key: str, definition: Json, side: Side) -> Resolve:
        if definition is None:
            return _absent
        return compile_flag(key, definition, self._settings[id(side)], self._compiled).resolve


def _absent(_context: Mapping[str, Any]) -> Evaluation:
    return _NO_FLAG


def _outcome(evaluation: Evaluation) -> Outcome:
    code = evaluation.error_code
    return Outcome(evaluation.variant, evaluation.reason.value if code is None else code.value)
