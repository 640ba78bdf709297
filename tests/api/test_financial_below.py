"""What is financial is not written in a tenant below while its own close holds a period, as PostgreSQL has it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from application.closures.stand import RunStep
from application.progression import Progression
from domain.approvals import ApprovalPolicy
from domain.changes import Kind
from domain.environments import Environment
from tests.api.driving import begun
from tests.api.trees import WHY, Tree

V0 = {"If-Match": '"v0"'}
LIMIT = {"key": "tax.rate", "type": "integer", "default": 19, "scopes": ["tenant"], "financial": True}
BATCH = {"strategy": "rolling", "batches": {"size": 5, "pause_seconds": 0, "max_failed": 1}}
NAMES = ("ann", "ben")


async def ok(tree: Tree, handle: str, method: str, path: str, at: str = "", **more: Any) -> Any:
    answer = await tree.ask(handle, method, path, at, **more)
    assert answer.is_success, answer.text
    return answer.json()


async def closing(tree: Tree, name: str) -> None:
    """January of 2025 is frozen there, and its tasks are to be done."""
    for method, path, wish in (
        ("PUT", "/entities/kit", {"name": "Kit", "time_zone": "UTC"}),
        ("PUT", "/calendars/books", {"rule": {"kind": "gregorian"}}),
        ("POST", "/calendars/books/years/2025", {}),
        ("PUT", "/posting-scopes/GL", {"name": "Ledger", "ledger": True}),
        ("PUT", "/entities/kit/books", {"calendar": "books"}),
        ("POST", "/entities/kit/periods/2025-01/open", {}),
    ):
        await ok(tree, "zoe", method, path, name, json={**wish, **WHY}, headers=V0 if method == "PUT" else {})
    run = await ok(tree, "zoe", "POST", "/period-closures", name, json={"entity": "kit", "period": "2025-01", **WHY})
    tenant, cases = UUID((await ok(tree, "zoe", "GET", "/me", name))["tenant"]), tree.world.services.closures
    for number, take in enumerate((cases.prechecking.precheck, cases.freezing.freeze, cases.freezing.frozen)):
        await take(RunStep(tenant, UUID(run["id"]), f"{number}:step", datetime.now(UTC)))


@pytest.mark.req("FR-SM-023")
async def test_the_tenant_that_closes_refuses_it_and_the_other_takes_it(tree: Tree) -> None:
    for name in NAMES:
        await tree.found(name)
        await ok(tree, "zoe", "POST", "/setting-definitions", name, json={"definition": LIMIT, **WHY})
    await ok(tree, "root", "POST", "/setting-definitions", json={"definition": LIMIT, **WHY})
    await closing(tree, "ben")
    targets = [{"kind": "config", "key": "tax.rate", "value": 16}]
    wish = {"environment": "production", "targets": targets, "tenants": {"all": True}, "plan": BATCH, **WHY}
    store = tree.world.services.store
    async with store.transaction(tree.house.tenant.id) as tx:
        await tx.policies.put(Environment.PRODUCTION, Kind.SETTING, ApprovalPolicy((), reminders=()))
    change = (await ok(tree, "root", "POST", "/changes", json=wish))["id"]

    async def as_root(method: str, path: str) -> Any:
        return await tree.ask("root", method, path)

    drive = await begun(tree.world, tree.house, change, as_root)
    await Progression(store, pause=0).expose(drive.step(), 0)
    parts = {each["tenant"]: each for each in (await ok(tree, "root", "GET", f"/deployments/{change}/parts"))["items"]}
    refused, taken = parts[tree.made["ben"]], parts[tree.made["ann"]]
    assert taken["state"] == "applied"
    assert refused["state"] == "skipped"
    assert refused["why"].startswith("financial-change-held; entity=kit; period=2025-01; run=")
