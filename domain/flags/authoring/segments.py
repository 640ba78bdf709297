"""A segment is a shared rule that people can read: excluded before included, and included before described."""

from typing import Final

from domain.flags.authoring.conditions import SUBJECT, condition
from domain.flags.authoring.places import TRUSTED, Place
from domain.flags.combining import either, every, negated
from domain.json_value import Json

SEGMENT: Final = "segment"
_MEMBERS: Final = ("description", "owner", "attribute", "include", "exclude", "when")


def is_segment(rule: Json) -> bool:
    """Authored, and not in JsonLogic, which has no such operator."""
    return isinstance(rule, dict) and rule.keys() == {SEGMENT}


def plain_rule(rule: Json) -> Json:
    """A shared rule as flagd takes it; what is in JsonLogic already comes back as it is."""
    return segment_rule(rule, TRUSTED) if is_segment(rule) else rule


def segment_rule(rule: Json, place: Place) -> Json:
    """The rule of a segment, with what is wrong with it told at its place."""
    place = place.at(SEGMENT)
    said = place.members(rule[SEGMENT], _MEMBERS)
    for name in ("description", "owner"):
        if name in said:
            place.at(name).text(said[name])
    if not {"include", "when"} & said.keys():
        place.fault("expected include, when, or both")
    who = {"var": place.at("attribute").text(said.get("attribute", SUBJECT))}
    listed = {name: {"in": [who, place.at(name).texts(said[name])]} for name in ("include", "exclude") if name in said}
    described = condition(said["when"], place.at("when")) if "when" in said else False
    inside = either([listed.get("include", False), described])
    return every([negated(listed.get("exclude", False)), inside])
