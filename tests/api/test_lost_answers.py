"""A request whose answer was lost is sent again: it is told what it did, and does nothing twice.

The moment is the worst one: the act is committed, the process died before it could keep the answer, and the claim of
the key has lapsed since.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from adapters.postgres.engine import connect
from application.ports.records import AuditFilter

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ON: dict[str, Any] = {**FLAG, "defaultVariant": "on"}
WHY = {"reason": "because of the test"}
KEY = {"Idempotency-Key": "order-66"}
DEV = "?environment=dev"
LOST = (
    "UPDATE idempotency_key SET status = NULL, body = NULL, claimed_at = now() - interval '1 hour'"
    " WHERE principal = ANY(:who)"
)


@pytest.fixture
def lost(stack: Any, house: Any) -> Any:
    """Forgets every answer that was given in this house."""

    async def forget() -> None:
        engine = connect(stack.endpoints.database_superuser_url)
        try:
            async with engine.begin() as connection:
                people = [house.ada.id, house.bob.id, house.cyd.id, house.root.id, house.olu.id]
                await connection.execute(text(LOST), {"who": people})
        finally:
            await engine.dispose()

    return forget


@pytest.fixture
def twice(ask: Any, lost: Any, world: Any, house: Any) -> Any:
    """Sends one request, loses its answer, lets `between` happen and sends it again; returns both answers."""

    async def sent(who: str, method: str, path: str, between: Any = None, **more: Any) -> tuple[Any, Any]:
        headers = {**KEY, **more.pop("headers", {})}
        first = await ask(who, method, path, headers=headers, **more)
        assert first.is_success, first.text
        before = await _trail(world, house)
        if between is not None:
            await between()
            before = await _trail(world, house)
        await lost()
        again = await ask(who, method, path, headers=headers, **more)
        assert again.is_success, again.text
        assert "Idempotency-Replayed" not in again.headers
        assert await _trail(world, house) == before
        return first, again

    return sent


async def _trail(world: Any, house: Any) -> list[Any]:
    async with world.services.store.transaction(house.id) as tx:
        return [row.id for row in await tx.audit.page(AuditFilter(), None, 100)]


@pytest.fixture
async def flag(ask: Any) -> str:
    made = await ask("ada", "POST", "/flags", json={"environment": "dev", "key": "till", "definition": FLAG, **WHY})
    assert made.status_code == 201
    return f"/flags/till{DEV}"


@pytest.fixture
async def rollout(ask: Any) -> str:
    """Awaiting its first of two votes."""
    change = {"environment": "production", "key": "till", "definition": FLAG, "base_version": 0,
              "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
    begun = await ask("ada", "POST", "/rollouts", json=change)
    assert begun.status_code == 201
    return str(begun.json()["approval"])


@pytest.mark.req("I4")
class TestFlags:
    async def test_created(self, twice: Any) -> None:
        wish = {"environment": "dev", "key": "fresh", "definition": FLAG, **WHY}
        first, again = await twice("ada", "POST", "/flags", json=wish)
        assert (again.status_code, again.json()) == (201, first.json())

    async def test_replaced_and_written_by_somebody_else_since(self, ask: Any, twice: Any, flag: str) -> None:
        async def meanwhile() -> None:
            other = await ask("root", "PUT", flag, json={"definition": FLAG, **WHY}, headers={"If-Match": '"v2"'})
            assert other.json()["version"] == 3

        wish = {"definition": ON, **WHY}
        first, again = await twice("ada", "PUT", flag, meanwhile, json=wish, headers={"If-Match": '"v1"'})
        assert (again.json(), again.headers["ETag"]) == (first.json(), '"v2"')

    async def test_disabled(self, twice: Any, flag: str) -> None:
        del flag
        first, again = await twice("ada", "POST", f"/flags/till/disable{DEV}", json=WHY, headers={"If-Match": '"v1"'})
        assert again.json() == first.json()

    async def test_killed(self, ask: Any, twice: Any, flag: str) -> None:
        change = {"environment": "dev", "key": "till", "definition": ON, "base_version": 1, "plan": {}, **WHY}
        begun = await ask("ada", "POST", "/rollouts", json=change)
        first, again = await twice("root", "POST", f"/flags/till/kill{DEV}", json=WHY)
        assert again.json() == first.json()
        assert again.json()["stopped_rollout"] == begun.json()["approval"]
        assert (await ask("eve", "GET", flag)).json()["version"] == 2


class TestSettings:
    @pytest.fixture
    async def limit(self, define: Any) -> None:
        await define(key="limit", type="integer")

    async def test_cancelled_with_nothing_in_its_place(self, ask: Any, twice: Any, limit: None) -> None:
        wish = {"value": 5, "effective_at": "2126-01-01T00:00:00Z", **WHY}
        await ask("ada", "PUT", f"/settings/limit{DEV}", json=wish, headers={"If-Match": '"v0"'})
        path = f"/settings/limit/cancel{DEV}&reason=not+needed"
        first, again = await twice("ada", "POST", path, headers={"If-Match": '"v1"'})
        assert (again.json()["entries"], again.json()["epoch"]) == ([], first.json()["epoch"])

    async def test_defined_anew_where_policy_asks(self, twice: Any, limit: None) -> None:
        wish = {"definition": {"type": "integer", "default": 7}, **WHY}
        first, again = await twice("ada", "PUT", "/setting-definitions/limit", json=wish, headers={"If-Match": '"v1"'})
        assert (first.status_code, again.status_code) == (202, 202)
        assert again.json()["change"] == first.json()["change"]

    async def test_ruled_where_policy_asks(self, twice: Any, limit: None) -> None:
        wish = {"rules": [{"kind": "range", "name": "small", "key": "limit", "at_most": 9}], **WHY}
        first, again = await twice("ada", "PUT", "/setting-rules", json=wish, headers={"If-Match": '"v0"'})
        assert again.json()["change"] == first.json()["change"]

    async def test_to_be_applied_later(self, twice: Any, limit: None) -> None:
        moment = (datetime.now(UTC) + timedelta(days=300)).isoformat()
        wish = {"value": 5, "apply_at": moment, **WHY}
        first, again = await twice("ada", "PUT", f"/settings/limit{DEV}", json=wish, headers={"If-Match": '"v0"'})
        assert (first.status_code, again.json()["levels"]) == (202, 0)
        assert again.json()["submitted"]["change"] == first.json()["submitted"]["change"]


class TestVotes:
    async def test_completing_a_level(self, twice: Any, rollout: str) -> None:
        first, again = await twice("bob", "POST", f"/approvals/{rollout}/approve", json={"reason": "good"})
        assert (again.json(), again.json()["open_level"]) == (first.json(), 2)

    async def test_completing_the_request(self, ask: Any, twice: Any, rollout: str) -> None:
        await ask("bob", "POST", f"/approvals/{rollout}/approve", json={})
        _, again = await twice("cyd", "POST", f"/approvals/{rollout}/approve", json={})
        assert again.json()["standing"] == "APPROVED"

    async def test_rejecting(self, twice: Any, rollout: str) -> None:
        wish = {"reason": "it breaks the till"}
        _, again = await twice("bob", "POST", f"/approvals/{rollout}/reject", json=wish)
        assert again.json()["standing"] == "REJECTED"

    async def test_a_new_request_of_who_has_voted_is_still_refused(self, ask: Any, rollout: str) -> None:
        await ask("bob", "POST", f"/approvals/{rollout}/approve", json={})
        other = await ask("bob", "POST", f"/approvals/{rollout}/approve", json={}, headers=KEY)
        assert (other.status_code, other.json()["type"]) == (409, "/problems/already-voted")

    async def test_lending(self, twice: Any) -> None:
        lent = {"to": "cyd", "starts": "2026-01-01T00:00:00Z", "ends": "2027-01-01T00:00:00Z", **WHY}
        await twice("bob", "POST", "/delegations", json=lent)


class TestSteering:
    async def test_aborted(self, twice: Any, rollout: str) -> None:
        _, again = await twice("olu", "POST", f"/rollouts/{rollout}/abort", json=WHY)
        assert again.json()["state"] == "CANCELLED"

    async def test_withdrawn(self, twice: Any, rollout: str) -> None:
        _, again = await twice("ada", "POST", f"/changes/{rollout}/withdraw", json=WHY)
        assert again.json()["status"] == "WITHDRAWN"


class TestGovernance:
    async def test_roles(self, twice: Any) -> None:
        await twice("root", "PUT", "/people/eve/roles", json={"roles": ["Auditor"], **WHY})

    async def test_policy(self, twice: Any) -> None:
        await twice("root", "PUT", "/policies/production", json={"policy": {"levels": [{"quorum": 2}]}, **WHY},
                    headers={"If-Match": '"v0"'})  # fmt: skip
