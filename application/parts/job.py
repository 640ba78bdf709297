"""Whose parts are written for what: the same words for every kind of target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from domain.changes import ChangeSet, Kind, Target
from domain.environments import Environment
from domain.rollouts import TOTAL_WEIGHT, CohortMode, Plan, Rollout
from domain.rollouts.parts import Part

WRITTEN_SINCE = "somebody else has written there since"


@dataclass(frozen=True)
class Before:
    """The change that is taken back, and its parts by their places."""

    change: ChangeSet
    parts: Mapping[tuple[UUID, Environment, Kind, str], Part]


@dataclass(frozen=True)
class Job:
    """One rollout and its change; `stage` is the one that is served, or was last.

    With `before` each tenant gets what it had before that change.
    """

    rollout: Rollout
    change: ChangeSet
    stage: int = 0
    before: Before | None = None

    @property
    def environment(self) -> Environment:
        return self.change.target.environment

    @property
    def plan(self) -> Plan:
        return self.rollout.plan

    @property
    def weight(self) -> int:
        """How many of 100000 see a flag where it is written: all of them where whole tenants take turns."""
        return TOTAL_WEIGHT if self.elsewhere else self.plan.stage(self.stage).weight

    @property
    def by_instance(self) -> bool:
        return self.plan.audience.mode is CohortMode.INSTANCE

    @property
    def elsewhere(self) -> bool:
        """Whether it is for tenants below, and not for the tenant itself."""
        return self.change.content.tenants is not None

    @cached_property
    def targets(self) -> dict[tuple[Kind, str], Target]:
        return {each.place: each for each in self.change.content.targets}

    def target(self, part: Part) -> Target:
        return self.targets[part.kind, part.key]

    def spot(self, part: Part) -> tuple[str, str]:
        """The key, and of a value its scope."""
        content = self.target(part).content
        return (content["key"], content["scope"]) if part.kind is Kind.SETTING else (part.key, "")

    def about(self, parts: Sequence[Part]) -> ChangeSet:
        """The change as far as it is about these parts, over what each of them was written over last."""
        over = self.change.content.over({(each.kind, each.key): each.live_version for each in parts})
        wanted = {(each.kind, each.key) for each in parts}
        return self.change.about(each for each in over.targets if each.place in wanted)

    def writers(self, part: Part) -> list[UUID]:
        """The changes that wrote there on behalf of this one, the first of them first."""
        earlier = part.held.get("changes", []) if isinstance(part.held, dict) else []
        return [*(UUID(each) for each in earlier), self.change.id]

    def unbased(self, part: Part) -> bool:
        """What another tenant has is looked at when it is written over, unless it was taken over."""
        return self.elsewhere and not part.written
