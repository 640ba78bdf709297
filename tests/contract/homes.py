"""One fresh tenant in one store, and what a test puts there."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from application.ports.records import (
    StoredFlag,
    Tenant,
)
from application.ports.store import Store
from domain.approvals import (
    Approval,
    ApprovalPolicy,
    Level,
    Standing,
)
from domain.audit import Action, Event
from domain.changes import ChangeSet, Content, Kind, Target
from domain.environments import Environment
from domain.people import Principal, Role
from domain.rollouts import (
    Rollout,
    State,
    default_plan,
)

DEV, PRODUCTION = Environment.DEV, Environment.PRODUCTION
DEFINITION = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def both_answer(memory: MemoryStore, postgres: PostgresStore) -> tuple[Store, Store]:
    """The type checker proves here that either is a Store with every repository."""
    return memory, postgres


@dataclass
class Home:
    """One store with one fresh tenant in it, and two people."""

    store: Store
    tenant: Tenant
    ada: Principal
    bob: Principal

    def transaction(self) -> Any:
        return self.store.transaction(self.tenant.id)

    def change(self, key: str = "checkout", **given: Any) -> ChangeSet:
        target = Target(PRODUCTION, Kind.FLAG, key, 1, {**DEFINITION, "defaultVariant": "on"})
        content = Content((target,), default_plan(PRODUCTION).to_json(), {"alpha_total": 0.05}, None)
        made: dict[str, Any] = {"created_at": LONG_AGO, "reason": "because"}
        return ChangeSet(uuid4(), self.tenant.id, self.ada.id, content, content.digest, **{**made, **given})

    def approval(self, change: ChangeSet, **given: Any) -> Approval:
        policy = ApprovalPolicy((Level((Role.OPERATOR, Role.APPROVER)), Level((), (self.bob.id,), 2)))
        whole = {"policy": policy, "standing": Standing.PENDING, "opened_at": LONG_AGO, "level_opened_at": LONG_AGO}
        asked = {"environment": PRODUCTION, "digest": change.digest, "authors": change.authors}
        return Approval(change.id, self.tenant.id, **{**whole, **asked, **given})

    def rollout(self, change: ChangeSet, **given: Any) -> Rollout:
        fields = {
            "id": change.id, "tenant": self.tenant.id, "environment": PRODUCTION, "key": change.target.key,
            "change": change.id, "digest": change.digest, "requester": self.ada.id, "plan": default_plan(PRODUCTION),
            "state": State.AWAITING_APPROVAL, "created_at": LONG_AGO, "base_version": 1, "live_version": 1,
        }  # fmt: skip
        return Rollout(**{**fields, **given})

    def flag(self, version: int = 1, key: str = "checkout", environment: Environment = PRODUCTION) -> StoredFlag:
        return StoredFlag(environment, key, version, DEFINITION, "api", self.ada.id, LONG_AGO)

    def event(self, **given: Any) -> Event:
        fields = {"occurred_at": LONG_AGO, "action": Action.FLAG_CREATED, "resource_type": "flag", "resource": "f"}
        return Event(uuid4(), self.tenant.id, **{**fields, **given})

    async def submitted(self, key: str = "checkout") -> ChangeSet:
        change = self.change(key)
        async with self.transaction() as tx:
            await tx.changes.add(change)
            await tx.approvals.open(self.approval(change))
            await tx.rollouts.add(self.rollout(change))
        return change


async def moved_in(store: Store) -> Home:
    tenant = Tenant(uuid4(), f"c-{secrets.token_hex(6)}", "Contract")
    await store.create_tenant(tenant)
    ada = Principal(tenant.id, uuid4(), "iss", "ada", "ada", roles=frozenset({Role.CONFIG_MANAGER}))
    bob = Principal(tenant.id, uuid4(), "iss", "bob", "bob", email="b@x.test", roles=frozenset({Role.APPROVER}))
    async with store.transaction(tenant.id) as tx:
        await tx.people.admit(ada)
        await tx.people.admit(bob)
    return Home(store, tenant, ada, bob)
