"""A house with tenants below it, each of which serves the same flag."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from adapters.memory.metrics import Traffic, constant
from application.drafts.wanted import Wanted
from application.ports.records import StoredFlag
from domain.changes import Kind
from domain.people import Role
from domain.rollouts.parts import Part
from domain.tenants import Quota, Tenancy, Tier
from tests.workflow.theatre import CLASSIC, EXPRESS, PRODUCTION, Theatre, now

QUICK: dict[str, Any] = {"bake_seconds": 0, "late_grace_seconds": 0, "initial_delay_seconds": 60}


def rolling(size: int = 1, *, pause: float = 60, rollback: str = "all", **more: Any) -> dict[str, Any]:
    """Batches of so many tenants, with little soak and no bake."""
    stages = [{"percent": 100, "min_soak_seconds": 60, "max_soak_seconds": 3600}]
    batches = {"size": size, "pause_seconds": pause, "rollback": rollback, **more.pop("batches", {})}
    return {"strategy": "rolling", "stages": stages, "batches": batches, **QUICK, **more}


@dataclass
class Estate:
    """Who is below, by short names; `slugs` is how the product calls them."""

    stage: Theatre
    tenants: dict[str, UUID] = field(default_factory=dict)
    slugs: dict[str, str] = field(default_factory=dict)

    async def found(self, name: str, tier: Tier, *, bare: bool = False) -> None:
        """Who is bare has no such flag yet."""
        new, ancestors = uuid4(), (self.stage.house.id,)
        tenancy = Tenancy(new, f"{name}-{new.hex[:10]}", name, now(), tier, ancestors=ancestors)
        async with self.stage.store.transaction(self.stage.house.id) as tx:
            await tx.tenants.found(tenancy)
        if not bare:
            async with self.stage.store.transaction(new) as tx:
                await tx.flags.put(StoredFlag(PRODUCTION, "checkout", 1, CLASSIC, "test", None, tx.now), expected=0)
        self.tenants[name], self.slugs[name] = new, tenancy.slug

    async def fill(self, *names: str, room: int = 0) -> None:
        """From now on they have room for so many flags."""
        for name in names:
            async with self.stage.store.transaction(self.stage.house.id) as tx, tx.within(self.tenants[name]) as inside:
                own = await inside.tenants.own()
                await inside.tenants.save(replace(own, quotas={Quota.FLAGS: room}, version=own.version + 1), None)

    async def submit(self, plan: dict[str, Any], **more: Any) -> UUID:
        """Everybody below gets it, and nobody needs to approve."""
        target = Wanted(Kind.FLAG, "checkout", EXPRESS, None, "/targets/0")
        wishes = {"content": None, "base_version": 0, "gates": None, "tenants": {"all": True}, **more}
        await self.stage.policy()
        return await self.stage.submit("", plan=plan, targets=(target,), **wishes)

    def drive(self, *names: str, errors: float = 0.01) -> None:
        """Twenty requests a second each."""
        for name in names or self.tenants:
            self.stage.metrics.drive(self.slugs[name], Traffic(constant(20), constant(errors)))

    async def served(self) -> dict[str, str]:
        """Who is served what by default."""
        found: dict[str, str] = {}
        for name, tenant in self.tenants.items():
            async with self.stage.store.transaction(tenant) as tx:
                flag = await tx.flags.get(PRODUCTION, "checkout")
            found[name] = str(flag.definition["defaultVariant"]) if flag else "nothing"
        return found

    async def parts(self, change: UUID) -> list[Part]:
        async with self.stage.store.transaction(self.stage.house.id) as tx:
            return await tx.parts.of(change)


async def estate(stage: Theatre, **tiers: Tier) -> Estate:
    """Ada manages tenants as well there."""
    roles = frozenset({Role.CONFIG_MANAGER, Role.ADMIN})
    person = await stage.tenants.set_roles(stage.house.root, "ada", roles, "the story needs it")
    stage.house.people["ada"] = person.actor
    made = Estate(stage)
    for name, tier in tiers.items():
        await made.found(name, tier)
    return made
