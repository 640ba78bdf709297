"""Flags of LaunchDarkly as definitions: targets, then rules, then the rest, behind what they depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from domain.canonical import Json
from domain.flags.combining import every, negated
from domain.flags.importers.building import SUBJECT, among, chain, check_size, split
from domain.flags.importers.launchdarkly_clauses import Segments, value_of
from domain.flags.importers.launchdarkly_document import Flag, LaunchDarklyExport, Place, Prerequisite, Served, Target
from domain.flags.importers.reports import REBUCKETED, Remarks, Translating, Translation, Untranslatable
from domain.flags.importers.variants import Variants
from domain.flags.limits import DEEPEST

NOTES = (
    "attributes are taken as single values: where LaunchDarkly looks into a list, nothing matches here",
    "the key of a user is the targeting key",
)


def from_launchdarkly(document: LaunchDarklyExport, environment: str) -> Translation:
    """The flags as they are in this environment of LaunchDarkly."""
    work = Translating(notes=list(NOTES))
    places = {flag.key: flag for flag in document.items if not flag.archived and environment in flag.environments}
    flags = _Flags(places, environment, Segments(document.segments, work.rules))
    for number, flag in enumerate(document.items):
        if flag.key in places:
            work.take(flag.key, f"/items/{number}", partial(_defined, flags, flag))
        else:
            why = "archived" if flag.archived else f"not in {environment}"
            work.notes.append(f"{flag.key} is {why}, and left out")
    return work.done()


@dataclass
class _Flags:
    flags: Mapping[str, Flag]
    environment: str
    segments: Segments
    needed: set[str] = field(init=False)
    served: dict[tuple[str, int], tuple[Json, Remarks]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.needed = {each.key for flag in self.flags.values() for each in self.place(flag).prerequisites or ()}

    def place(self, flag: Flag) -> Place:
        return flag.environments[self.environment]


def _defined(flags: _Flags, flag: Flag, remarks: Remarks) -> Json:
    return _Translator(flags, flag).definition(remarks)


class _Translator:
    """One flag; `above` are the flags that depend on it and are being translated."""

    def __init__(self, flags: _Flags, flag: Flag, above: tuple[str, ...] = ()) -> None:
        self._flags = flags
        self._flag = flag
        self._place = flags.place(flag)
        self._above = above
        self._variants = Variants()
        self._names = [self._variants.name(each.value, each.name or None) for each in flag.variations]

    def definition(self, remarks: Remarks) -> Json:
        place = self._place
        pairs, otherwise = self._pairs(remarks)
        default = None if place.offVariation is None else self._name(place.offVariation)
        if not place.on:
            targeting: Json = {"if": [False, chain(pairs, otherwise)]}
            remarks.says("it is off: what it would serve stands behind a condition that never holds")
        elif isinstance(otherwise, str) and not (place.prerequisites and default is None):
            default, targeting = otherwise, chain(pairs)
        else:
            targeting = chain(pairs, otherwise)
        if isinstance(targeting, str):
            default, targeting = targeting, None
        found = {"state": "ENABLED", "variants": self._variants.named, "defaultVariant": default}
        return found if targeting is None else {**found, "targeting": targeting}

    def serves(self, variation: int, remarks: Remarks) -> Json:
        """Whether it is on and serves this variation."""
        if not self._place.on:
            return False
        pairs, otherwise = self._pairs(remarks)
        rule = {"===": [chain(pairs, otherwise), self._name(variation)]}
        check_size(rule)
        return rule

    def _pairs(self, remarks: Remarks) -> tuple[list[tuple[Json, Json]], Json]:
        """Conditions with what they serve, and what is served where none of them holds."""
        place, pairs = self._place, []
        if place.prerequisites:
            met = every([self._met(each, remarks) for each in place.prerequisites])
            pairs.append((negated(met), None if place.offVariation is None else self._name(place.offVariation)))
        targets = [*(place.targets or ()), *(place.contextTargets or ())]
        pairs += [(_targeted(each, remarks), self._name(each.variation)) for each in targets]
        for rule in place.rules or ():
            matched = self._flags.segments.matched(rule.clauses, remarks)
            pairs.append((matched, self._served(rule, remarks)))
        return pairs, self._served(place.fallthrough or Served(), remarks)

    def _met(self, prerequisite: Prerequisite, remarks: Remarks) -> Json:
        key, path = prerequisite.key, (*self._above, self._flag.key)
        if key in path or len(path) > DEEPEST:
            raise Untranslatable(f"its prerequisites go in a circle, or in too long a line: {', '.join((*path, key))}")
        flag = self._flags.flags.get(key)
        if flag is None:
            raise Untranslatable(f"its prerequisite {key} is not in the document")
        remarks.says(f"what {key} serves is written into it: it does not follow when {key} changes here")
        served, wanted = self._flags.served, (key, prerequisite.variation)
        if wanted not in served:
            own = Remarks()
            served[wanted] = _Translator(self._flags, flag, path).serves(prerequisite.variation, own), own
        rule, own = served[wanted]
        remarks.take(own)
        return rule

    def _served(self, served: Served, remarks: Remarks) -> Json:
        if served.variation is not None:
            return self._name(served.variation)
        rollout = served.rollout
        if rollout is None:
            raise Untranslatable("it does not say which variation it serves")
        by = value_of(rollout.bucketBy or "key", rollout.contextKind, remarks)
        key = self._flag.key
        salt = f"{key}/" if key in self._flags.needed or by != SUBJECT else None
        arms = [(self._name(each.variation), each.weight) for each in rollout.variations]
        found = split(by, salt, arms, next((name for name, weight in arms if weight > 0), None))
        if not isinstance(found, str):
            remarks.differs(REBUCKETED)
        return found

    def _name(self, index: int) -> str:
        if not 0 <= index < len(self._names):
            raise Untranslatable(f"it has no variation {index}")
        return self._names[index]


def _targeted(target: Target, remarks: Remarks) -> Json:
    values: Sequence[str] = target.values
    return among(value_of("key", target.contextKind, remarks), values) if values else False
