"""A rule is traced in the evaluator's own closures: each says what it was asked and what it gave, and works as ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from domain.flags.bucketing import Bucketing
from domain.flags.explaining.places import Place, Places
from domain.flags.expression import VARIES, Compilation, Compiled, Expression, Notes
from domain.flags.fractional import shorthand_of
from domain.flags.iteration import FORMS as ITERATIONS
from domain.flags.jsonlogic import FORMS
from domain.json_value import Json

UNKNOWN: Final = object()
"""Stands for the value of what was not looked at."""
SHOWN_ITEMS: Final = 4
"""Of an iteration: the first three, and the last that was looked at; of one within another only the last."""
_BODY: Final = 1


@dataclass(slots=True, eq=False)
class Visit:
    """One look at a place; `items` counts those of an iteration, of which few are below."""

    place: Place
    scope: Any
    inside: bool = False
    result: Any = UNKNOWN
    below: list["Visit"] = field(default_factory=list)
    items: int = 0

    def begin(self, place: Place, scope: Any) -> "Visit":
        operands = self.place.operands
        of_item = self.place.operator in ITERATIONS and len(operands) > _BODY and place is operands[_BODY]
        if of_item:
            self.items += 1
            if self.items > (1 if self.inside else SHOWN_ITEMS):
                del self.below[-1]
        visit = Visit(place, scope, self.inside or of_item)
        self.below.append(visit)
        return visit

    def value(self, place: Place) -> Any:
        """What an operand gave last, or what it always gives; `UNKNOWN` where it was not looked at."""
        for visit in reversed(self.below):
            if visit.place is place:
                return visit.result
        return UNKNOWN if place.constant is VARIES else place.constant


class Trace:
    """One rule, compiled to be evaluated once."""

    def __init__(self) -> None:
        self.visit: Visit | None = None
        self._here: Visit | None = None

    def compile(
        self, rule: Json, *, flag_key: str, bucketing: Bucketing, evaluators: Mapping[str, Json]
    ) -> tuple[Expression, Notes]:
        """As `compile_rule` does it."""
        places = Places(evaluators)
        copy, _ = places.copied(rule, "/targeting")
        compilation = _Tracing(flag_key, bucketing, places.copies, FORMS, trace=self, places=places)
        run = compilation.compile(copy).run

        def traced(scope: Any) -> Any:
            self._here = above = Visit(Place(""), scope)
            try:
                return run(scope)
            finally:
                self._here, self.visit = None, above.below[0]

        return traced, compilation.notes

    def at(self, place: Place, compiled: Compiled) -> Compiled:
        """The same, which writes down each visit; what is worked out while compiling is none."""
        place.constant, run = compiled.constant, compiled.run

        def visited(scope: Any) -> Any:
            above = self._here
            if above is None:
                return run(scope)
            self._here = visit = above.begin(place, scope)
            try:
                visit.result = run(scope)
            finally:
                self._here = above
            return visit.result

        return replace(compiled, run=visited)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tracing(Compilation):
    trace: Trace
    places: Places

    def compile(self, rule: Json) -> Compiled:
        compiled = Compilation.compile(self, rule)
        place = self.places.rules.get(id(rule)) if isinstance(rule, list | dict) else None
        if place is None:
            return compiled
        if place.operator == "fractional":
            place.shorthand = shorthand_of(self)
        return self.trace.at(place, compiled)

    def compile_each(self, rules: Sequence[Json]) -> list[Compiled]:
        """Literals have no place of their own but in a list of operands."""
        compiled = Compilation.compile_each(self, rules)
        operands = self.places.operands.get(id(rules))
        if operands is None:
            return compiled
        return [
            self.trace.at(place, each) if place.operator is None else each
            for place, each in zip(operands, compiled, strict=True)
        ]
