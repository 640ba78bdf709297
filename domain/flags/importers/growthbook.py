"""Features of GrowthBook as definitions: the first rule that applies gives its value, else the default one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.canonical import Json
from domain.flags.combining import every, negated
from domain.flags.importers.building import WHOLE, among, chain, check_size, share, split, weights_of
from domain.flags.importers.growthbook_conditions import Conditions, holds, value_of
from domain.flags.importers.growthbook_document import ABSENT, Feature, GrowthBookExport, ParentCondition, Rule
from domain.flags.importers.reports import REBUCKETED, Remarks, Translating, Translation, Untranslatable
from domain.flags.importers.variants import Variants
from domain.flags.limits import DEEPEST
from domain.pointers import escaped

NOTES = (
    "the attribute id is the targeting key",
    "what is no version is less, more and equal to none",
    "attributes are taken as single values: where GrowthBook looks into a list, nothing matches here",
)
_NEARLY = 0.01
"""How far weights may be from 1: where they are further GrowthBook takes equal ones."""


def from_growthbook(document: GrowthBookExport) -> Translation:
    """The features as clients of one environment get them."""
    work = Translating(notes=list(NOTES))
    around = _Features(document.features, Conditions(document.savedGroups))
    for key in document.features:
        work.take(key, f"/features/{escaped(key)}", _Translator(around, key).definition)
    return work.done()


@dataclass(frozen=True)
class _Given:
    """A rule whose result is the name of one of the values."""

    rule: Json
    named: Mapping[str, Json]
    remarks: Remarks


@dataclass(frozen=True)
class _Features:
    """`given` are those on which others depend."""

    features: Mapping[str, Feature]
    conditions: Conditions
    given: dict[str, _Given] = field(default_factory=dict)


class _Translator:
    """One feature; `above` are the features that depend on it and are being translated."""

    def __init__(self, around: _Features, key: str, above: tuple[str, ...] = ()) -> None:
        self._around = around
        self._key = key
        self._above = above
        self._variants = Variants()
        self._feature = around.features[key]

    def definition(self, remarks: Remarks) -> Json:
        pairs, default = self._pairs(remarks)
        gated = any(result is None for _, result in pairs)
        targeting = chain(pairs, default if gated else None)
        found: dict[str, Json] = {"state": "ENABLED", "variants": self._variants.named}
        if isinstance(targeting, str):
            return {**found, "defaultVariant": targeting}
        found["defaultVariant"] = None if gated else default
        return found if targeting is None else {**found, "targeting": targeting}

    def given(self) -> "_Given":
        """What it gives, as a part of others."""
        remarks = Remarks()
        rule = chain(*self._pairs(remarks))
        check_size(rule)
        return _Given(rule, self._variants.named, remarks)

    def _pairs(self, remarks: Remarks) -> tuple[list[tuple[Json, Json]], str | None]:
        """Conditions with what they give, and what is given where none of them holds."""
        feature = self._feature
        default = None if feature.defaultValue is None else self._variants.name(feature.defaultValue)
        pairs: list[tuple[Json, Json]] = []
        for rule in feature.rules:
            parents = rule.parentConditions or ()
            pairs += [(negated(self._met(each, remarks)), None) for each in parents if each.gate]
            conditions = [self._met(each, remarks) for each in parents if not each.gate]
            if rule.condition:
                conditions.append(self._around.conditions.rule(rule.condition))
            conditions += self._reached(rule, remarks)
            if rule.force is not ABSENT:
                pairs.append((every([*conditions, *self._covered(rule, remarks)]), self._variants.name(rule.force)))
            elif rule.variations is not None:
                pairs += self._experiment(rule, conditions, remarks)
            elif not any(each.gate for each in parents):
                raise Untranslatable("one of its rules gives no value")
        return pairs, default

    def _met(self, parent: ParentCondition, remarks: Remarks) -> Json:
        key, path = parent.id, (*self._above, self._key)
        if key in path or len(path) > DEEPEST:
            raise Untranslatable(f"its prerequisites go in a circle, or in too long a line: {', '.join((*path, key))}")
        if key not in self._around.features:
            raise Untranslatable(f"its prerequisite {key} is not in the document")
        remarks.says(f"what {key} gives is written into it: it does not follow when {key} changes here")
        given = self._around.given
        if key not in given:
            given[key] = _Translator(self._around, key, path).given()
        remarks.take(given[key].remarks)
        values = [*given[key].named.items(), (None, None)]  # it may give nothing, and a condition may ask for that
        return among(given[key].rule, [name for name, value in values if holds(parent.condition, value)])

    def _reached(self, rule: Rule, remarks: Remarks) -> list[Json]:
        """Its namespaces."""
        places = [(each.seed, each.attribute, each.ranges) for each in rule.filters or ()]
        if rule.namespace is not None and not places:
            name, start, end = rule.namespace
            places.append((f"__{name}", rule.hashAttribute or "id", [(start, end)]))
        found = []
        for seed, name, ranges in places:
            if len(ranges) != 1:
                raise Untranslatable("one of its rules has a namespace of several ranges")
            found.append(self._within(value_of(name), f"{seed}/", ranges[0], remarks))
        return found

    def _covered(self, rule: Rule, remarks: Remarks) -> list[Json]:
        """The share of subjects that a forced value reaches."""
        if rule.range is None and rule.coverage is None:
            return []
        reach = rule.range or (0.0, rule.coverage or 0.0)
        return [self._within(value_of(rule.hashAttribute or "id"), self._salt(rule), reach, remarks)]

    def _within(self, by: Json, salt: str, reach: tuple[float, float], remarks: Remarks) -> Json:
        start, end = weights_of([min(1.0, max(0.0, each)) for each in reach])
        if start < end and (start, end) != (0, WHOLE):
            remarks.differs(REBUCKETED)
        return share(by, salt, start, end)

    def _experiment(self, rule: Rule, conditions: Sequence[Json], remarks: Remarks) -> list[tuple[Json, Json]]:
        variations = rule.variations or []
        if rule.ranges:
            raise Untranslatable("the shares of one of its experiments are written as ranges")
        if rule.fallbackAttribute:
            remarks.differs("who has no attribute to go by has no other one here")
        if len(variations) < 2:  # noqa: PLR2004 -- an experiment has two; GrowthBook passes over what has fewer
            return []
        by, salt = value_of(rule.hashAttribute or "id"), self._salt(rule)
        coverage = 1.0 if rule.coverage is None else rule.coverage
        reached = self._within(by, f"{salt}coverage/", (0.0, coverage), remarks)
        arms = zip([self._variants.name(each) for each in variations], _weights(rule), strict=True)
        drawn = split(by, salt, list(arms))
        if not isinstance(drawn, str):
            remarks.differs(REBUCKETED)
        return [(every([*conditions, reached]), drawn)]

    def _salt(self, rule: Rule) -> str:
        return f"{rule.seed or rule.key or self._key}/"


def _weights(rule: Rule) -> list[int]:
    count = len(rule.variations or ())
    given = rule.weights or []
    fair = len(given) == count and abs(sum(given) - 1) <= _NEARLY and all(each >= 0 for each in given)
    return weights_of(given if fair else [1 / count] * count)
