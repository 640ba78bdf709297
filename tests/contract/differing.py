"""Many flags are evaluated for many contexts here and elsewhere, and whatever differs must be listed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.flags import Bucketing, Evaluation, FlagType, compile_flag_set, parse_definition
from domain.flags.jsonlogic import OPERATORS
from tests.contract.flag_differences import Applies, Difference, applying
from tests.contract.flag_pairs import EVALUATORS, METADATA, NAMES, NOW, Author
from tests.contract.visiting import Visit, Walk

Outcome = tuple[Any, ...] | None
"""Variant, value, reason and metadata; None for an error, `RAISED` for none at all."""
RAISED: Outcome = ("raises",)


@dataclass(frozen=True)
class Batch:
    """Flags, their types, contexts, and which flag is evaluated for which context."""

    flags: Mapping[str, Any]
    types: Mapping[str, FlagType]
    contexts: Sequence[dict[str, Any]]
    asked: Sequence[tuple[str, int]]

    @property
    def document(self) -> dict[str, Any]:
        return {"flags": self.flags, "$evaluators": EVALUATORS, "metadata": METADATA}


def written(author: Author, flags: int, contexts: int) -> Batch:
    made = author.flags(flags)
    types = {key: parse_definition(flag, evaluators=EVALUATORS).type for key, flag in made.items()}
    asked = [(key, place) for key in made for place in range(contexts)]
    return Batch(made, types, author.contexts(contexts), asked)


@dataclass
class Tally:
    """What a run came by: pairs to which no row applies, what differed because of one, and what was reached."""

    rows: Mapping[str, Applies]
    bucketing: Bucketing
    agreed: int = 0
    differed: Counter[str] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unlisted: list[Any] = field(default_factory=list)

    def compare(self, batch: Batch, theirs: Sequence[Outcome]) -> None:
        ours = compile_flag_set(
            batch.flags, revision=1, now=lambda: NOW + 0.7, bucketing=self.bucketing, evaluators=EVALUATORS,
            metadata=METADATA,
        )  # fmt: skip
        walks = {key: Walk(key, self.bucketing, EVALUATORS) for key in batch.flags}
        for (key, place), there in zip(batch.asked, theirs, strict=True):
            flag, context = batch.flags[key], batch.contexts[place]
            found = ours.evaluate(key, context)
            here, visits = outcome(found), visited(walks[key], key, flag, context)
            self.operators.update({visit.name for visit in visits if visit.reached and visit.name})
            self.reasons[str(found.reason)] += 1
            rows = applying(self.rows, visits)
            if here == there:
                self.agreed += not rows
            elif not rows:
                self.unlisted.append((flag, context, here, there))
            elif len(rows) == 1:
                self.differed.update(rows)

    def prove(self, pairs: int) -> None:
        """Nothing differs that is not listed, all that is listed differs, and the run was not an empty one."""
        assert self.unlisted[:3] == []
        assert self.rows.keys() - self.differed.keys() == set()
        assert self.agreed >= pairs
        assert {name: self.operators[name] for name in OPERATORS if self.operators[name] < pairs // 500} == {}
        assert self.reasons["ERROR"] < sum(self.reasons.values()) * 0.25
        assert all(
            self.reasons[reason] > pairs // 100 for reason in ("STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED")
        )


def outcome(found: Evaluation) -> Outcome:
    if found.failed:
        return None
    value = None if found.variant is None else found.value
    return found.variant, value, str(found.reason), found.metadata


def visited(walk: Walk, key: str, flag: Any, context: dict[str, Any]) -> list[Visit]:
    """Every operator of the flag's rule at work, and last the rule as a whole, which has no name."""
    rule = flag.get("targeting")
    if flag["state"] == "DISABLED" or rule is None:
        return []
    scope = {**context, "$flagd": {"flagKey": key, "timestamp": NOW}, "targetingKey": context.get("targetingKey")}
    result = walk.value(rule, scope)
    whole = Visit("", [], [], scope, result, bare=False, inside=False, reached=True, fixed=False)
    return [*walk.visits(rule, scope), whole]


def run(tally: Tally, evaluated: Callable[[Batch], Sequence[Outcome]], *, seed: int, pairs: int) -> None:
    """Until so many pairs agreed to which no row applies."""
    author = Author(seed)
    while tally.agreed < pairs and not tally.unlisted:
        batch = written(author, flags=100, contexts=20)
        tally.compare(batch, evaluated(batch))


def as_batch(rows: Sequence[Difference]) -> Batch:
    """Each row's rule as a flag whose variants are named as their values."""
    flags = {
        row.id: {"state": "ENABLED", "variants": {name: name for name in NAMES}, "targeting": row.rule} for row in rows
    }
    types = dict.fromkeys(flags, FlagType.STRING)
    return Batch(flags, types, [row.context for row in rows], [(row.id, place) for place, row in enumerate(rows)])


def shown(
    batch: Batch, theirs: Sequence[Outcome], rows: Mapping[str, Applies], bucketing: Bucketing
) -> list[Difference]:
    """The rows as they are found: which apply, and what was found here and there."""
    ours = compile_flag_set(batch.flags, revision=1, now=lambda: NOW, bucketing=bucketing)
    found = []
    for (key, place), there in zip(batch.asked, theirs, strict=True):
        flag, context = batch.flags[key], batch.contexts[place]
        names = applying(rows, visited(Walk(key, bucketing, {}), key, flag, context))
        here = _called(outcome(ours.evaluate(key, context)))
        found.append(Difference(" and ".join(sorted(names)), flag["targeting"], context, here, _called(there)))
    return found


def _called(found: Outcome) -> str:
    return "error" if found is None else found[0] or "default"
