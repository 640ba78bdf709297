"""A tenant with others below it, and how a change for them takes its course in memory."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application import parts
from application.drafts.wanted import Wanted
from application.parts import Restored
from application.ports.records import StoredFlag
from application.ports.settings import StoredDefinition
from application.proposals import Proposal
from domain.approvals import ApprovalPolicy, Standing
from domain.canonical import Json, digest_of
from domain.changes import ChangeSet, Kind
from domain.rollouts import State
from domain.rollouts.parts import Part
from domain.settings import Scope
from domain.tenants import Tenancy, Tier
from tests.world import OFF, ON, PRODUCTION, World

ALL: Json = {"all": True}
DIRECT: Json = {"strategy": "direct"}
BY_TENANT: Json = {"strategy": "canary", "audience": {"mode": "tenant"}}
LIMIT: Json = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant"]}


def flag(key: str = "checkout", content: Json = ON, base: int | None = 1, at: int = 0) -> Wanted:
    return Wanted(Kind.FLAG, key, content, base, f"/targets/{at}")


def value(
    given: Any, key: str = "upload.limit", scope: str = "", base: int | None = None, at: int = 0, **more: Any
) -> Wanted:
    content = {"key": key, "scope": scope, "state": "set", "value": given, **more}
    return Wanted(Kind.SETTING, key, content, base, f"/targets/{at}")


async def nobody_is_asked(world: World) -> None:
    async with world.store.transaction(world.tenant.id) as tx:
        for kind in (Kind.FLAG, Kind.SETTING):
            await tx.policies.put(PRODUCTION, kind, ApprovalPolicy((), reminders=()))


@pytest.fixture(name="shop")
async def stocked(world: World) -> World:
    """One flag, a second one, and a setting of the tenant's own."""
    await nobody_is_asked(world)
    await world.setting.definitions.create(world.ada, LIMIT, "for the test")
    for key in ("checkout", "search"):
        await world.put(key=key)
    return world


async def elsewhere(world: World, tenant: Any, definition: Any, key: str = "checkout") -> None:
    """Somebody in that tenant writes the flag."""
    async with world.store.transaction(tenant) as tx:
        present = await tx.flags.get(PRODUCTION, key)
        version = present.version if present else 0
        written = StoredFlag(PRODUCTION, key, version + 1, definition, "api", None, tx.now)
        await tx.flags.put(written, expected=version)


async def found(world: World, slug: str, tier: Tier = Tier.FREE, *, above: UUID | None = None, **given: Any) -> UUID:
    """A tenant below with a flag that is off and a setting that may be set."""
    new, ancestors = uuid4(), (world.tenant.id,) if above is None else (world.tenant.id, above)
    tenancy = Tenancy(new, slug, slug, world.clock(), tier, ancestors=ancestors, **given)
    async with world.store.transaction(ancestors[-1]) as tx:
        await tx.tenants.found(tenancy)
    async with world.store.transaction(new) as tx:
        await tx.flags.put(StoredFlag(PRODUCTION, "checkout", 1, OFF, "api", None, tx.now), expected=0)
        await tx.settings.put_definition(StoredDefinition("upload.limit", 1, LIMIT, None, tx.now), expected=0)
    return new


async def proposed(world: World, *wanted: Wanted, plan: Json = DIRECT, tenants: Json = None, **more: Any) -> ChangeSet:
    proposal = Proposal(
        uuid4(), PRODUCTION, "", None, 0, plan, more.pop("gates", None), None, "for the test", targets=wanted,
        tenants=tenants, **more,
    )  # fmt: skip
    return await world.changes.propose(world.root, proposal)


async def agreed(world: World, change: ChangeSet) -> UUID:
    """Submitted, and approved by nobody, for nobody is asked."""
    submitted = await world.submission.submit(world.root, change.id)
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.approvals.close(submitted.approval.id, Standing.APPROVED)
    return submitted.rollout.id


async def admitted(world: World, *wanted: Wanted, **more: Any) -> UUID:
    change = await proposed(world, *wanted, **more)
    rollout = await agreed(world, change)
    admission = await world.admit(rollout)
    assert admission.state is State.RUNNING, admission
    return rollout


async def exposed(world: World, rollout: UUID, stage: int = 0) -> int:
    if stage:
        await world.judged(rollout)
    version = await world.progression.expose(world.step(rollout), stage)
    world.clock += timedelta(seconds=1)
    return version


async def restored(world: World, rollout: UUID, *, most: int = 1_000, force: bool = False) -> list[Restored]:
    """Transaction by transaction, until all is done."""
    done: list[Restored] = []
    while not done or not done[-1].done:
        async with world.store.transaction(world.tenant.id) as tx:
            present = await tx.rollouts.get(rollout)
            assert present is not None
            done.append(await parts.restore(tx, present, most=most, force=force))
    world.clock += timedelta(seconds=1)
    return done


async def parts_of(world: World, rollout: UUID) -> list[Part]:
    async with world.store.transaction(world.tenant.id) as tx:
        return await tx.parts.of(rollout)


async def flag_of(world: World, tenant: UUID, key: str = "checkout") -> StoredFlag | None:
    async with world.store.transaction(tenant) as tx:
        return await tx.flags.get(PRODUCTION, key)


async def value_of(world: World, tenant: UUID, key: str = "upload.limit") -> Any:
    async with world.store.transaction(tenant) as tx:
        now = await tx.settings.lock(PRODUCTION)
        entries = await tx.settings.entries(PRODUCTION, [key], [Scope().text], now)
        held = [each.entry for each in entries if each.entry.covers(now)]
        return held[0].value if held else None


async def digests(world: World, tenants: Sequence[UUID]) -> dict[UUID, str]:
    """Of all that is served in each of them."""
    served = {}
    for tenant in tenants:
        async with world.store.transaction(tenant) as tx:
            flags = (await tx.flags.flag_set(PRODUCTION)).flags
        enabled = {key: each for key, each in flags.items() if each["state"] == "ENABLED"}
        served[tenant] = digest_of([enabled, await value_of(world, tenant)])
    return served
