"""Features of Unleash as definitions: enabled by the first strategy that holds, with its variants if it has some."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from domain.canonical import Json
from domain.flags.combining import either, every, negated
from domain.flags.importers.building import SUBJECT, among, chain, check_size, split
from domain.flags.importers.reports import Remarks, Translating, Translation, Untranslatable
from domain.flags.importers.unleash_constraints import Segments, activated, bucketed, constrained, value_of
from domain.flags.importers.unleash_document import FeatureEnvironment, Parent, Strategy, UnleashExport, Variant
from domain.flags.importers.variants import Variants

NOTES = (
    "the user is the targeting key, and properties of the context are its attributes",
    "Unleash compares texts: give an attribute that a constraint lists as a text, not as a number",
)
_ON, _OFF = "on", "off"


def from_unleash(document: UnleashExport, environment: str) -> Translation:
    """The features as they are in this environment of Unleash."""
    work = Translating(notes=list(NOTES))
    features = _Features(document, environment, Segments(document.segments, work.rules))
    for number, feature in enumerate(document.features):
        if feature.archived:
            work.notes.append(f"{feature.name} is archived, and left out")
        else:
            work.take(feature.name, f"/features/{number}", _Translator(features, feature.name).definition)
    return work.done()


class _Features:
    """One environment, by feature."""

    def __init__(self, document: UnleashExport, environment: str, segments: Segments) -> None:
        self.segments = segments
        self.names = {feature.name for feature in document.features}
        self.places: Mapping[str, FeatureEnvironment] = {
            each.featureName or each.name or "": each
            for each in document.featureEnvironments
            if each.environment == environment
        }
        self._linked: dict[str, list[int]] = {}
        for link in document.featureStrategySegments:
            self._linked.setdefault(link.featureStrategyId, []).append(link.segmentId)
        self._strategies: dict[str, list[Strategy]] = {}
        for each in sorted(document.featureStrategies, key=lambda each: each.sortOrder or 0):
            if each.environment in {None, environment}:
                self._strategies.setdefault(each.featureName, []).append(each)
        self.parents = {each.feature: each.dependencies for each in document.dependencies}

    def strategies(self, feature: str) -> list[Strategy]:
        """Those that count; Untranslatable where there are some and all are disabled."""
        found = self._strategies.get(feature, [])
        active = [each for each in found if not each.disabled]
        if found and not active:
            raise Untranslatable("all of its strategies are disabled")
        return active

    def segments_of(self, strategy: Strategy) -> Sequence[int]:
        return strategy.segments or self._linked.get(strategy.id or "") or ()


class _Translator:
    """One feature; a strategy without variants of its own has those of the environment."""

    def __init__(self, features: _Features, name: str) -> None:
        self._features = features
        self._name = name
        place = features.places.get(name)
        self._enabled = place is not None and place.enabled
        self._common = (place.variants if place else None) or []
        self._variants = Variants()

    def definition(self, remarks: Remarks) -> Json:
        strategies = self._features.strategies(self._name)
        conditions = [self._condition(each, remarks) for each in strategies] or [True]
        needed = every([self._met(each, remarks) for each in self._features.parents.get(self._name, ())])
        varied = bool(self._common) or any(each.variants for each in strategies)
        if varied:
            remarks.differs("it has variants: it gives their payloads, and nothing where it is not enabled")
            results = [self._drawn(each.variants or self._common, remarks) for each in strategies] or [
                self._drawn(self._common, remarks)
            ]
            rule = chain([(every([needed, each]), what) for each, what in zip(conditions, results, strict=True)])
        else:
            for value in (True, False):
                self._variants.name(value)
            rule = chain([(every([needed, either(conditions)]), _ON)])
        return self._defined(rule, None if varied else _OFF, remarks)

    def _defined(self, rule: Json, default: str | None, remarks: Remarks) -> Json:
        found: dict[str, Any] = {"state": "ENABLED", "variants": self._variants.named}
        if rule is not None and not self._enabled:
            remarks.says("it is off: its strategies stand behind a condition that never holds")
            rule = {"if": [False, rule]}
        if rule is None or isinstance(rule, str):
            return {**found, "defaultVariant": rule or default}
        return {**found, "defaultVariant": default, "targeting": rule}

    def _condition(self, strategy: Strategy, remarks: Remarks) -> Json:
        return every(
            [
                *(self._features.segments.named(each, remarks) for each in self._features.segments_of(strategy)),
                *(constrained(each, remarks) for each in strategy.constraints or ()),
                activated(strategy, self._name, remarks),
            ]
        )

    def _met(self, parent: Parent, remarks: Remarks) -> Json:
        key = parent.feature
        if key not in self._features.names:
            raise Untranslatable(f"{key}, which it depends on, is not in the document")
        if parent.variants:
            raise Untranslatable(f"it depends on the variant that {key} has")
        remarks.says(f"when {key} is enabled is written into it: it does not follow when {key} changes here")
        rule = _Translator(self._features, key).enabled(remarks)
        return rule if parent.enabled else negated(rule)

    def enabled(self, remarks: Remarks) -> Json:
        """Whether it is; what it depends on itself is not asked, because Unleash has one level of that."""
        if not self._enabled:
            return False
        rule = either([self._condition(each, remarks) for each in self._features.strategies(self._name)] or [True])
        check_size(rule)
        return rule

    def _drawn(self, variants: Sequence[Variant], remarks: Remarks) -> Json:
        """The overrides in their order, then a variant by weight."""
        if not variants:
            return None
        if len({variant.payload is None for variant in variants}) > 1:
            raise Untranslatable("some of its variants have a payload and some have none")
        names = [self._variants.name(_payload(each), each.name) for each in variants]
        pairs = [
            (among(value_of(override.contextName), override.values), name)
            for name, variant in zip(names, variants, strict=True)
            for override in variant.overrides or ()
        ]
        live = [each for each in variants if each.weight > 0]
        stickiness = (variants[0].stickiness or "default") if len(live) > 1 else None
        by = bucketed(stickiness, remarks) if stickiness else SUBJECT
        salt = None if by == SUBJECT else f"{self._name}/"
        weights = zip(names, (each.weight for each in variants), strict=True)
        return chain(pairs, split(by, salt, list(weights)))


def _payload(variant: Variant) -> Json:
    """Its value; a variant without a payload is its name."""
    payload = variant.payload
    if payload is None:
        return variant.name
    if payload.type not in {"json", "number"}:
        return payload.value
    try:
        return orjson.loads(payload.value)
    except orjson.JSONDecodeError:
        raise Untranslatable(f"the payload of its variant {variant.name} is no {payload.type}") from None
