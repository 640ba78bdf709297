"""What holds for the flags of one tenant holds for those of many, served tenant by tenant or batch by batch."""

from collections.abc import Awaitable, Coroutine
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from domain.canonical import Json
from domain.changes import ChangeSet
from domain.people import Actor
from domain.rollouts.parts import PartState
from tests.unit.application.courses import KEYS, Course, share_of
from tests.unit.application.estates import ALL, elsewhere, flag, flag_of, found, parts_of, proposed
from tests.unit.application.test_invariants import Rollouts
from tests.world import OFF, PRODUCTION, at_once

SLUGS = ("aye", "bee", "cee", "ess")
PLANS: list[Json] = [
    {"strategy": "rolling", "batches": {"size": 2, "pause_seconds": 0}, "bake_seconds": 60},
    {"strategy": "rolling", "batches": {"size": 1, "pause_seconds": 60}, "bake_seconds": 60},
    {"strategy": "canary", "audience": {"mode": "tenant"}, "stages": [25, 50, 100], "bake_seconds": 60},
    {"strategy": "blue-green", "bake_seconds": 60},
    {"strategy": "direct", "bake_seconds": 60},
]


class OverTenants(Rollouts):
    """The same stories; each rollout is for all the tenants below."""

    courses = Rollouts.courses

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.below: list[UUID] = []
        for slug in SLUGS:
            tenant = at_once(found(self.world, slug))
            at_once(elsewhere(self.world, tenant, OFF, "search"))
            self.below.append(tenant)

    @rule(target=courses, key=st.sampled_from(KEYS), wanted=st.booleans(), plan=st.sampled_from(PLANS))
    def submit(self, key: str, wanted: bool, plan: Any) -> Any:  # noqa: FBT001 -- drawn by hypothesis
        return self.begun(key, plan, wanted=wanted)

    @property
    def author(self) -> Actor:
        return self.world.root

    def proposed(self, key: str, plan: Json) -> Awaitable[ChangeSet]:
        return proposed(self.world, flag(key, base=None), plan=plan, tenants=ALL)

    def written_elsewhere(self, key: str, definition: Json) -> Coroutine[Any, Any, None]:
        return elsewhere(self.world, self.below[self.steps % len(self.below)], definition, key)

    def share(self, key: str) -> float:
        held = [at_once(flag_of(self.world, tenant, key)) for tenant in self.below]
        served = [each for each in held if each is not None and share_of(each.definition) == 100.0]
        return 100.0 * len(served) / len(held)

    def check_restored(self, course: Course) -> None:
        """I5: each tenant is served what was stable there, but who wrote it since."""
        for part in at_once(parts_of(self.world, course.rollout)):
            assert not part.written
            if part.state is PartState.RESTORED:
                held = at_once(flag_of(self.world, part.tenant, part.key))
                stable = self.store._rows[part.tenant].versions[PRODUCTION, part.key, part.base_version]
                assert held is not None
                assert held.definition == stable.definition


TestOverTenants = pytest.mark.req("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")(OverTenants.TestCase)
TestOverTenants.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
