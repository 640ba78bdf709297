"""Rules over several keys hold of what one leaf scope has after the whole batch, whichever way that came about."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.canonical import Json
from domain.settings.expressions import objection
from domain.settings.merging import compared
from domain.settings.predicates import Condition, Image


class ViolationKind(StrEnum):
    """Of a dependency it says whether the key that needs was changed, or only one that is needed."""

    MISSING_DEPENDENCIES = "missing_dependencies"
    REQUIRED_BY = "required_by"
    CONFLICT = "conflict"
    OUT_OF_RANGE = "out_of_range"
    RULE_FAILED = "rule_failed"


@dataclass(frozen=True)
class Violation:
    """`keys`: of a dependency the key that needs and then those that it lacks, of a conflict those that hold together,
    of a range the key and then those that bound it, else all that the rule reads. The message holds no setting's value.
    """

    rule: str
    kind: ViolationKind
    keys: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Rule(ABC):
    """`message` is the author's own sentence, said after the rule's."""

    name: str
    message: str

    @property
    @abstractmethod
    def keys(self) -> frozenset[str]:
        """All that the rule reads."""

    @abstractmethod
    def to_json(self) -> dict[str, Json]:
        """The rule as plain JSON, from which an equal one is parsed."""

    @abstractmethod
    def violation(self, image: Image, changed: Collection[str]) -> Violation | None:
        """How the image breaks the rule; None where it does not."""

    def _violation(self, kind: ViolationKind, keys: Iterable[str], sentence: str) -> Violation:
        return Violation(self.name, kind, tuple(keys), f"{sentence} {self.message}".rstrip())

    def _json(self, kind: str, **fields: Json) -> dict[str, Json]:
        said = {"message": self.message} if self.message else {}
        return {"kind": kind, "name": self.name} | {name: value for name, value in fields.items() if value} | said


@dataclass(frozen=True)
class Dependency(Rule):
    """Where `when` holds, all of `needs` hold."""

    when: Condition
    needs: tuple[Condition, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset({self.when.key, *(need.key for need in self.needs)})

    def to_json(self) -> dict[str, Json]:
        return self._json("dependency", when=self.when.to_json(), needs=[need.to_json() for need in self.needs])

    def violation(self, image: Image, changed: Collection[str]) -> Violation | None:
        lacking = [need.key for need in self.needs if not need.holds(image)]
        if not lacking or not self.when.holds(image):
            return None
        key, others = self.when.key, _listed(lacking)
        if key in changed:
            return self._violation(ViolationKind.MISSING_DEPENDENCIES, (key, *lacking), f"{key} needs {others}.")
        return self._violation(ViolationKind.REQUIRED_BY, (key, *lacking), f"{key} still needs {others}.")


@dataclass(frozen=True)
class Exclusion(Rule):
    """At most one of `between` holds; they stand in the order of their keys, so that no side is the first."""

    between: tuple[Condition, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(condition.key for condition in self.between)

    def to_json(self) -> dict[str, Json]:
        return self._json("conflict", between=[condition.to_json() for condition in self.between])

    def violation(self, image: Image, changed: Collection[str]) -> Violation | None:  # noqa: ARG002 - either side is one
        held = [condition.key for condition in self.between if condition.holds(image)]
        if len(held) < 2:  # noqa: PLR2004 - one may hold
            return None
        return self._violation(ViolationKind.CONFLICT, held, f"{_listed(held)} exclude each other.")


@dataclass(frozen=True)
class Bound:
    """A number or a duration, or whatever another key holds."""

    amount: Json = None
    key: str | None = None

    def to_json(self) -> Json:
        return self.amount if self.key is None else {"key": self.key}

    def of(self, image: Image) -> Json:
        return self.amount if self.key is None else image.get(self.key)


@dataclass(frozen=True)
class Range(Rule):
    """Bounds are inclusive; what is null or not set is not compared, and what has no size is outside."""

    key: str
    at_least: Bound | None
    at_most: Bound | None

    @property
    def keys(self) -> frozenset[str]:
        return frozenset({self.key, *(bound.key for bound in (self.at_least, self.at_most) if bound and bound.key)})

    def to_json(self) -> dict[str, Json]:
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        written = {name: bound.to_json() for name, bound in bounds.items() if bound is not None}
        return self._json("range", key=self.key) | written

    def violation(self, image: Image, changed: Collection[str]) -> Violation | None:  # noqa: ARG002 - either side is one
        value = image.get(self.key)
        broken = [] if value is None else [bound for bound in self._bounds_broken(image, value) if bound is not None]
        if not broken:
            return None
        others = [bound.key for bound in broken if bound.key]
        by = f" that {_listed(others)} sets" if others else ""
        keys = (self.key, *dict.fromkeys(others))
        return self._violation(ViolationKind.OUT_OF_RANGE, keys, f"{self.key} is outside of the range{by}.")

    def _bounds_broken(self, image: Image, value: Json) -> Iterable[Bound | None]:
        for bound, beyond in ((self.at_least, -1), (self.at_most, 1)):
            amount = None if bound is None else bound.of(image)
            if amount is not None and compared(value, amount) in (None, beyond):
                yield bound


@dataclass(frozen=True)
class Assertion(Rule):
    """A CEL expression over the keys that it names is true."""

    expression: str
    reads: tuple[str, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.reads)

    def to_json(self) -> dict[str, Json]:
        return self._json("cel", expression=self.expression, keys=list(self.reads))

    def violation(self, image: Image, changed: Collection[str]) -> Violation | None:  # noqa: ARG002 - either side is one
        why = objection(self.expression, {key: image[key] for key in self.reads if key in image})
        if why is None:
            return None
        sentence = f"The rule {self.name} over {_listed(self.reads)} is not kept: {why}."
        return self._violation(ViolationKind.RULE_FAILED, self.reads, sentence)


def violations(rules: Iterable[Rule], image: Image, changed: Collection[str]) -> tuple[Violation, ...]:
    """What the image breaks, in the order of the rules; a rule that reads no changed key is not asked."""
    touched = frozenset(changed)
    found = (rule.violation(image, touched) for rule in rules if not touched.isdisjoint(rule.keys))
    return tuple(violation for violation in found if violation is not None)


def keys_beside(rules: Iterable[Rule], changed: Collection[str]) -> frozenset[str]:
    """What must be known to ask the rules that read one of the changed keys; of the others nothing."""
    touched = frozenset(changed)
    return touched.union(*(rule.keys for rule in rules if not touched.isdisjoint(rule.keys)))


def _listed(keys: Sequence[str]) -> str:
    *others, last = keys
    return f"{', '.join(others)} and {last}" if others else last
