"""A key of a tenant is the same target as that key where a tenant above changes it for those below."""

from uuid import UUID, uuid4

import pytest

from application.locking.turns import Turns
from application.ports.records import Tenant
from application.progression import Step
from application.proposals import Proposal
from domain.approvals import ApprovalPolicy, Standing
from domain.changes import Kind
from domain.people import Actor, Role
from domain.rollouts import State
from tests.unit.application.estates import (
    ALL,
    DIRECT,
    admitted,
    exposed,
    flag,
    flag_of,
    found,
    stocked,  # noqa: F401 -- fixtures are found by their name
)
from tests.world import OFF, ON, PRODUCTION, World

MINE = {**ON, "metadata": {"by": "the tenant"}}


async def person_of(world: World, tenant: UUID) -> Actor:
    roles = frozenset({Role.CONFIG_MANAGER})
    person = await world.tenants.admit_principal(Tenant(tenant, "one", "One"), "kim", roles, issuer="tests")
    return person.actor


async def own_change(world: World, tenant: UUID) -> UUID:
    """The tenant changes the flag for itself, and asks nobody."""
    kim = await person_of(world, tenant)
    async with world.store.transaction(tenant) as tx:
        await tx.policies.put(PRODUCTION, Kind.FLAG, ApprovalPolicy((), reminders=()))
    wish = Proposal(uuid4(), PRODUCTION, "checkout", MINE, 1, DIRECT, None, None, "for ourselves")
    change = await world.changes.propose(kim, wish)
    submitted = await world.submission.submit(kim, change.id)
    async with world.store.transaction(tenant) as tx:
        await tx.approvals.close(submitted.approval.id, Standing.APPROVED)
    return submitted.rollout.id


@pytest.mark.req("S86", "I3")
class TestBelow:
    async def test_waits_while_the_one_above_runs_and_starts_when_it_has_gone_back(self, shop: World) -> None:
        one = await found(shop, "one")
        above = await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        own = await own_change(shop, one)
        step = Step(own, one, "admit:1", shop.clock())
        assert (await shop.admitting.admit(step)).state is State.QUEUED
        await exposed(shop, above)
        assert (await flag_of(shop, one)).definition == ON  # type: ignore[union-attr]  # it is there
        await shop.progression.move(shop.step(above), State.ROLLING_BACK, "asked")
        assert await shop.back(shop.step(above)) is State.ROLLED_BACK
        await Turns(shop.store, shop.processes).call()
        assert shop.processes.turns == [own]
        begun = await shop.admitting.admit(Step(own, one, "admit:2", shop.clock()))
        assert begun.state is State.RUNNING
        await shop.progression.expose(Step(own, one, "expose", shop.clock()), 0)
        assert (await flag_of(shop, one)).definition == MINE  # type: ignore[union-attr]  # it is there

    async def test_runs_and_the_one_above_waits(self, shop: World) -> None:
        one, other = await found(shop, "one"), await found(shop, "other")
        own = await own_change(shop, one)
        assert (await shop.admitting.admit(Step(own, one, "admit", shop.clock()))).state is State.RUNNING
        await shop.progression.expose(Step(own, one, "expose", shop.clock()), 0)
        with pytest.raises(AssertionError, match="QUEUED"):
            await admitted(shop, flag(base=None), plan=DIRECT, tenants=ALL)
        assert (await flag_of(shop, one)).definition == MINE  # type: ignore[union-attr]  # it is there
        assert (await flag_of(shop, other)).definition == OFF  # type: ignore[union-attr]  # it is there
