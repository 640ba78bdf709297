"""What is served is a variant, or a split whose arms stay in the order in which they were written."""

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from domain.flags.authoring.places import Place
from domain.flags.combining import present
from domain.json_value import Json

WHOLE: Final = 100_000
"""Thousandths of a percent."""


def variant(raw: Json, place: Place, variants: Collection[str]) -> str:
    if isinstance(raw, str) and raw in variants:
        return raw
    place.fault("expected the name of a variant")
    return ""


def served(raw: Json, place: Place, variants: Collection[str]) -> Json:
    """The name of a variant, or the rule that gives one of several.

    A split by an attribute is one of its own for each flag, as the one by the targeting key is. Who lacks what it is
    split by gets the default variant.
    """
    if not isinstance(raw, dict):
        if not isinstance(raw, str) or raw not in variants:
            place.fault("expected the name of a variant, or an object with a split")
        return raw
    said = place.members(raw, ("split", "by"), ("split",))
    rule: Json = {"fractional": _arms(said.get("split", []), place.at("split"), variants)}
    if "by" not in said:
        return rule
    by = {"var": place.at("by").text(said["by"])}
    rule["fractional"].insert(0, {"cat": [{"var": "$flagd.flagKey"}, by]})
    return {"if": [present(by), rule]}


def _arms(raw: Json, place: Place, variants: Collection[str]) -> list[Json]:
    arms: list[Json] = []
    for each, at in place.items(raw):
        if not isinstance(each, list) or len(each) != 2:  # noqa: PLR2004  variant and percent
            at.fault("expected [variant, percent]")
            continue
        arms.append([variant(each[0], at.at(0), variants), _thousandths(each[1], at.at(1))])
    if arms and len({name for name, _ in arms}) < len(arms):
        place.fault("expected each variant once")
    if arms and sum(weight for _, weight in arms) != WHOLE:
        place.fault("expected percentages that add up to 100")
    return arms


def _thousandths(percent: Json, place: Place) -> int:
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100:  # noqa: PLR2004  percent
        weight = Decimal(str(percent)) * 1000
        if weight == int(weight):
            return int(weight)
    place.fault("expected a percentage of 0 to 100 with at most three decimals")
    return 0
