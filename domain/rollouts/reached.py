"""Which tenants a stage reaches: a cohort that grows, or batches one after another."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import Fault, Invalid
from domain.rollouts.cohorts import cohort
from domain.rollouts.plan import Batches, CohortMode, Plan, Strategy

_TIERS = {"internal": 0, "free": 1, "standard": 2, "pro": 2, "enterprise": 3}
LAST = "enterprise"
"""The tier that comes only with everybody, unless a tenant of it is included by name."""


@dataclass(frozen=True)
class Candidate:
    """A tenant as far as its turn depends on it; its label `tier` counts before the tier that it pays for."""

    slug: str
    tier: str = LAST
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def ring(self) -> str:
        return self.labels.get("tier", self.tier)


def stages_of(plan: Plan, salt: str, candidates: Sequence[Candidate]) -> dict[str, int]:
    """The stage from which each tenant is served, by its slug.

    Invalid where a canary would begin with nobody.
    """
    if plan.strategy is Strategy.ROLLING:
        return _batched(plan, candidates)
    if plan.strategy is not Strategy.CANARY or plan.audience.mode is not CohortMode.TENANT:
        return {each.slug: 0 for each in candidates}
    return _grown(plan, salt, candidates)


def _grown(plan: Plan, salt: str, candidates: Sequence[Candidate]) -> dict[str, int]:
    include = plan.audience.include
    kept = {each.slug for each in candidates if each.ring == LAST and each.slug not in include}
    everyone = [each.slug for each in candidates]
    found: dict[str, int] = {}
    for index, stage in reversed(list(enumerate(plan.stages))):
        members = cohort(everyone, stage.percent, salt=salt, include=include, exclude={*kept, *plan.audience.exclude})
        if not members and candidates:
            raise Invalid([Fault("/plan/audience/include", f"name who begins: tenants of the tier {LAST} come last")])
        found |= dict.fromkeys(members, index)
    return found


def _batched(plan: Plan, candidates: Sequence[Candidate]) -> dict[str, int]:
    batches = plan.batches or Batches()
    size = batches.size or math.ceil(round(len(candidates) * (batches.percent or 0) / 100, 9)) or 1
    order = sorted(candidates, key=lambda each: _turn(plan, batches, each))
    return {each.slug: place // size for place, each in enumerate(order)}


def _turn(plan: Plan, batches: Batches, candidate: Candidate) -> tuple[object, ...]:
    """Included ones first, excluded ones last, and between them as the plan says; a tie goes by name."""
    audience, slug = plan.audience, candidate.slug
    order = [
        (_TIERS.get(candidate.ring, len(_TIERS)), candidate.ring)
        if name == "tier"
        else (0, candidate.labels.get(name, ""))
        for name in batches.order_by
    ]
    return slug in audience.exclude, slug not in audience.include, *order, slug
