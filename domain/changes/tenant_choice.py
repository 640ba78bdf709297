"""Which of the tenants below receive a change: all, some by name, or some by tier and labels."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.pointers import escaped

MOST_NAMED = 10_000


@dataclass(frozen=True)
class TenantChoice:
    """Every field narrows, and an empty one does not: no field at all is every tenant.

    With `as_before` each gets what it had before the change of that id.
    """

    slugs: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    as_before: str = ""

    def takes(self, slug: str, tier: str, labels: Mapping[str, str]) -> bool:
        if self.slugs and slug not in self.slugs:
            return False
        if self.tiers and tier not in self.tiers:
            return False
        return all(labels.get(name) == text for name, text in self.labels)

    def to_json(self) -> Json:
        if self.slugs:
            return {"slugs": list(self.slugs)} | ({"as_before": self.as_before} if self.as_before else {})
        if not (self.tiers or self.labels):
            return {"all": True}
        narrow: dict[str, Json] = {"tiers": list(self.tiers)} if self.tiers else {}
        return narrow | ({"labels": dict(self.labels)} if self.labels else {})

    @classmethod
    def of(cls, raw: Json, *, tiers: Collection[str] = ()) -> Self:
        """From JSON; Invalid with every fault. With `tiers` no other is known."""
        faults = list(_faults(raw, tiers))
        if faults:
            raise Invalid(faults)
        labels = tuple(sorted(raw.get("labels", {}).items()))
        return cls(
            tuple(sorted(raw.get("slugs", ()))), tuple(sorted(raw.get("tiers", ()))), labels, raw.get("as_before", "")
        )


def _faults(raw: Json, tiers: Collection[str]) -> Iterator[Fault]:
    if not isinstance(raw, dict) or not raw:
        yield Fault("", 'expected {"all": true}, {"slugs": [...]}, or tiers and labels')
        return
    for name in sorted(set(raw) - {"all", "slugs", "tiers", "labels", "as_before"}):
        yield Fault(f"/{escaped(name)}", "unknown field")
    if "as_before" in raw and not ("slugs" in raw and isinstance(raw["as_before"], str)):
        yield Fault("/as_before", "the id of a change, beside the slugs of its tenants")
    if ("all" in raw or "slugs" in raw) and len(set(raw) - {"as_before"}) > 1:
        yield Fault("", "all or slugs stand alone")
    if "all" in raw and raw["all"] is not True:
        yield Fault("/all", "true, or leave it out")
    yield from _names(raw, "slugs")
    yield from _names(raw, "tiers")
    if tiers and not set(raw.get("tiers", ())) <= set(tiers):
        yield Fault("/tiers", "some of " + ", ".join(sorted(tiers)))
    labels = raw.get("labels", {"": ""})
    if not isinstance(labels, dict) or not labels or not all(isinstance(text, str) for text in labels.values()):
        yield Fault("/labels", "an object of one label or more, each with its text")


def _names(raw: Json, field: str) -> Iterator[Fault]:
    if field not in raw:
        return
    given = raw[field]
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        yield Fault(f"/{field}", "a list of names")
    elif not 1 <= len(given) <= MOST_NAMED or len(set(given)) != len(given):
        yield Fault(f"/{field}", f"1 to {MOST_NAMED} names, none of them twice")
