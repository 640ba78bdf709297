"""What people write of a flag becomes its targeting: forced, off, prerequisites, targets, rules, everybody else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from domain.flags.authoring.about import ABOUT, about, merged
from domain.flags.authoring.conditions import SUBJECT, among, condition
from domain.flags.authoring.places import TRUSTED, Place
from domain.flags.authoring.serving import served, variant
from domain.flags.combining import every, negated
from domain.json_value import Json

AUTHORING: Final = "authoring"
_MEMBERS: Final = (
    *ABOUT, "on", "off", "force", "prerequisites", "targets", "rules", "serve",
)  # fmt: skip
_Step = tuple[Json, Json]
"""A condition, and what is served where it holds."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """An authored flag, as it is read; `place` is that of its authoring."""

    said: Mapping[str, Json]
    variants: Collection[str]
    place: Place

    @property
    def off(self) -> str:
        if "off" not in self.said:
            self.place.at("off").fault("is needed: the variant for whom the flag is off")
            return ""
        return variant(self.said["off"], self.place.at("off"), self.variants)


def plain(definition: Json) -> Json:
    """A valid definition in flagd's form; one that is plain already comes back as it is."""
    if not isinstance(definition, dict) or AUTHORING not in definition:
        return definition
    return compiled(definition, TRUSTED)


def switched_on(definition: Json) -> Json:
    """A valid definition as it is or would be without `on` saying false."""
    if AUTHORING not in definition:
        return definition
    return {**definition, AUTHORING: {**definition[AUTHORING], "on": True}}


def compiled(definition: Mapping[str, Json], top: Place) -> dict[str, Json]:
    """The definition with targeting and metadata instead of what was authored; faults are told at their places."""
    place = top.at(AUTHORING)
    said = place.members(definition[AUTHORING], _MEMBERS)
    variants = definition.get("variants")
    flag = _Reader(said, variants if isinstance(variants, dict) else {}, place)
    on = place.at("on").switch(said.get("on", True))
    forced, ruled = _forced(flag), _prerequisites(flag) + _targets(flag) + _rules(flag)
    rest = served(said["serve"], place.at("serve"), flag.variants) if "serve" in said else None
    off = flag.off if "off" in said or not on else None
    raised = _default(definition, rest, place.at("serve"))
    default = raised if on else off
    made = {name: each for name, each in definition.items() if name not in {AUTHORING, "defaultVariant", "metadata"}}
    if default is not None:
        made["defaultVariant"] = default
    if targeting := _targeting(forced + ruled, rest) if on else _targeting(forced, None):
        made["targeting"] = targeting
    if metadata := merged(definition.get("metadata"), about(said, place, off=off), top):
        made["metadata"] = metadata
    return made


def _default(definition: Mapping[str, Json], rest: Json, place: Place) -> Json:
    """One variant for everybody else is the default variant, so that its change can be rolled out in stages."""
    default = definition.get("defaultVariant")
    if not isinstance(rest, str):
        return default
    if default is not None and default != rest:
        place.fault("says another variant than defaultVariant; leave one of them out")
    return rest


def _targeting(steps: list[_Step], rest: Json) -> Json:
    split = rest if isinstance(rest, dict) else None
    if not steps:
        return split
    chain = [each for step in steps for each in step]
    return {"if": chain if split is None else [*chain, split]}


def _forced(flag: _Reader) -> list[_Step]:
    if "force" not in flag.said:
        return []
    place = flag.place.at("force")
    said = place.members(flag.said["force"], ("attribute", "off", "on"), ("attribute",))
    value = {"var": place.at("attribute").text(said.get("attribute", SUBJECT))}
    steps: list[_Step] = []
    if "off" in said:
        steps.append((among(value, said["off"], place.at("off")), flag.off))
    if isinstance(said.get("on"), list):
        return [*steps, (among(value, said["on"], place.at("on")), _only_other(flag, place.at("on")))]
    return steps + (_named(flag, value, said["on"], place.at("on")) if "on" in said else [])


def _only_other(flag: _Reader, place: Place) -> Json:
    """The one variant that is not `off`."""
    others = set(flag.variants) - {flag.off}
    if len(others) == 1:
        return others.pop()
    place.fault("expected lists by variant: more than one is not the off variant")
    return ""


def _named(flag: _Reader, value: Json, raw: Json, place: Place) -> list[_Step]:
    """Lists by variant, in the order of its name: that of members counts for nothing in JSON."""
    steps, seen = [], set[Json]()
    for name, listed in sorted(place.members(raw, flag.variants).items()):
        rule = among(value, listed, place.at(name))
        for index, each in enumerate(rule["in"][1]):
            if each in seen:
                place.at(name, index).fault("is listed before, under another variant or twice")
            seen.add(each)
        steps.append((rule, name))
    return steps


def _targets(flag: _Reader) -> list[_Step]:
    if "targets" not in flag.said:
        return []
    place = flag.place.at("targets")
    steps = _named(flag, {"var": SUBJECT}, flag.said["targets"], place)
    for rule, name in steps:
        for index, each in enumerate(rule["in"][1]):
            place.at(name, index).text(each)
    return steps


def _prerequisites(flag: _Reader) -> list[_Step]:
    """Who is not given one of these variants of the other flag is given `off`."""
    if "prerequisites" not in flag.said:
        return []
    place, rules = flag.place.at("prerequisites"), []
    for each, at in place.items(flag.said["prerequisites"]):
        said = at.members(each, ("flag", "variants"), ("flag", "variants"))
        key, variants = at.at("flag").text(said.get("flag", "-")), at.at("variants").texts(said.get("variants", ["-"]))
        rules.append(at.made({"$flag": [key, *variants]}))
    return [(negated(every(rules)), flag.off)]


def _rules(flag: _Reader) -> list[_Step]:
    if "rules" not in flag.said:
        return []
    steps: list[_Step] = []
    for each, at in flag.place.at("rules").items(flag.said["rules"]):
        said = at.members(each, ("description", "when", "serve"), ("when", "serve"))
        if "description" in said:
            at.at("description").text(said["description"])
        if {"when", "serve"} <= said.keys():
            holds = condition(said["when"], at.at("when"))
            steps.append((holds, served(said["serve"], at.at("serve"), flag.variants)))
    return steps
