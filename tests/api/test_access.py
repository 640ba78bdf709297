"""Every route, for nobody, for another tenant, and for each role: the table of permissions is what decides."""

import secrets
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from api.reference import openapi
from application.ports.records import AuditFilter
from application.tenants import Tenants
from domain.people import GRANTS, Permission, Role
from tests.api.route import FLAG, MONTHS, NEW, PROPOSAL, WHY, Route
from tests.api.routes_table import ROUTES
from tests.conftest import House, housed

V1 = {"If-Match": '"v1"'}
HANDLES = {Role.ADMIN: "root", Role.CONFIG_MANAGER: "ada", Role.APPROVER: "bob", Role.VIEWER: "eve",
           Role.OPERATOR: "olu", Role.AUDITOR: "aud"}  # fmt: skip

EVERY_ROLE = [(role, route) for role in HANDLES for route in ROUTES if route.needs]


def may(role: Role, route: Route) -> bool:
    return route.people and route.needs in GRANTS[role]


@dataclass
class Furnished:
    """A house with a flag, a person of a name that nobody else has, and a change that waits for approval."""

    house: Any
    world: Any
    change: str
    handle: str

    async def send(self, handle: str | None, route: Route, house: Any = None) -> Any:
        body = {"change_id": self.change} if route.template == "/approvals" else route.body
        replaces = route.method in {"PUT", "DELETE"} or route.template.endswith(
            (
                "disable",
                "cancel",
                "/archive",
                "/flags/{key}/restore",
                "/settings/{key}/rollback",
                "/configs/{config}/rollback",
            )
        )
        decides = route.method == "POST" and route.template.startswith(
            ("/parked-commands", "/command-bulks/", "/command-breakers", "/processes/")
        )
        headers = V1 if replaces or decides else {}
        async with self.world.client(house or self.house, handle) as client:
            path = f"/api/v1{route.path(self.change, self.handle)}"
            return await client.request(route.method, path, json=body, headers=headers)


async def furnish(world: Any, house: House) -> Furnished:
    async with world.client(house, "ada") as client:
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await client.post("/api/v1/flags", json=wish)).status_code == 201
        defined = {"definition": {"key": "checkout", "type": "string"}, **WHY}
        assert (await client.post("/api/v1/setting-definitions", json=defined)).status_code == 201
        begun = await client.post("/api/v1/rollouts", json={**PROPOSAL, "key": "waiting"})
    handle = f"only-{house.id.hex[:12]}"
    await Tenants(world.services.store).admit_principal(house.tenant, handle, frozenset(), issuer="nobody")
    return Furnished(house, world, begun.json()["change"]["id"], handle)


@pytest_asyncio.fixture
async def furnished(world: Any, house: House) -> Furnished:
    return await furnish(world, house)


@pytest_asyncio.fixture(scope="module")
async def kept(world: Any, store: PostgresStore) -> Furnished:
    """For requests that are refused: they leave it as it is. It keeps books, too."""
    furnished = await furnish(world, await housed(store))
    async with world.client(furnished.house, "root") as client:
        for path, wish in (("entities/kit", {"name": "Kit", "time_zone": "UTC"}), ("calendars/kit", {"rule": MONTHS})):
            put = await client.put(f"/api/v1/{path}", json={**wish, **WHY}, headers={"If-Match": '"v0"'})
            assert put.status_code == 200, put.text
        assert (await client.post("/api/v1/calendars/kit/years/2024", json=WHY)).status_code == 201
    return furnished


@pytest_asyncio.fixture(scope="module")
async def neighbour(world: Any) -> Any:
    """Another tenant, where people of the same names have the same roles."""
    tenants = Tenants(world.services.store)
    tenant = await tenants.admit_tenant(f"n-{secrets.token_hex(6)}", "The house next door")
    for role, handle in HANDLES.items():
        await tenants.admit_principal(tenant, handle, frozenset({role}), issuer=world.issuer.issuer)
    return SimpleNamespace(tenant=tenant, id=tenant.id)


@pytest.mark.req("API1")
class TestOtherTenant:
    def test_the_matrix_holds_every_route_that_there_is(self) -> None:
        documented = {
            f"{method.upper()} {path.removeprefix('/api/v1')}"
            for path, operations in openapi()["paths"].items()
            for method in operations
        }
        assert {str(route) for route in ROUTES} == documented

    @pytest.mark.parametrize("route", [route for route in ROUTES if route.names], ids=str)
    async def test_what_another_tenant_has_does_not_exist(self, kept: Furnished, route: Route, neighbour: Any) -> None:
        others = {Permission.CHANGE_APPROVE: "bob", Permission.CHANGE_BREAKGLASS: "olu"}
        asks = others.get(route.needs or Permission.CHANGE_READ, "root")
        answer = await kept.send(asks, route, neighbour)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/missing")

    @pytest.mark.parametrize("listed", ["/flags?environment=dev", "/changes", "/rollouts", "/approvals/pending"])
    async def test_lists_of_another_tenant_are_empty(self, kept: Furnished, listed: str, neighbour: Any) -> None:
        async with kept.world.client(neighbour, "bob") as client:
            assert (await client.get(f"/api/v1{listed}")).json()["items"] == []

    async def test_a_person_of_one_tenant_is_nobody_in_another(self, furnished: Furnished, house: Any) -> None:
        async with furnished.world.client(house, furnished.handle) as client:
            assert (await client.get("/api/v1/me")).status_code == 401


class TestAnonymous:
    @pytest.mark.parametrize("route", ROUTES, ids=str)
    async def test_nobody_is_401(self, kept: Furnished, route: Route) -> None:
        answer = await kept.send(None, route)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/token-missing")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
    async def test_a_token_of_nobody_is_401(self, world: Any, house: Any, token: str) -> None:
        async with world.client(house) as client:
            answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}".encode()})
        assert answer.status_code == 401


@pytest.mark.req("API5")
class TestRoles:
    @pytest.mark.parametrize(("role", "route"), [each for each in EVERY_ROLE if may(*each)], ids=str)
    async def test_a_role_may_what_the_table_says(self, furnished: Furnished, role: Role, route: Route) -> None:
        assert (await furnished.send(HANDLES[role], route)).status_code != 403

    @pytest.mark.parametrize(("role", "route"), [each for each in EVERY_ROLE if not may(*each)], ids=str)
    async def test_a_role_may_nothing_else(self, kept: Furnished, role: Role, route: Route) -> None:
        assert (await kept.send(HANDLES[role], route)).status_code == 403

    async def test_whoever_proposed_may_not_vote(self, furnished: Furnished) -> None:
        approve = next(route for route in ROUTES if route.template.endswith("approve"))
        answer = await furnished.send("ada", approve)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/self-approval-forbidden")


@pytest.mark.req("AU-22")
class TestDenials:
    async def test_a_denied_request_is_in_the_trail_with_who_asked_for_what(
        self, furnished: Furnished, ask: Any, house: Any
    ) -> None:
        await ask("eve", "PUT", "/flags/checkout?environment=dev", json={"definition": NEW, **WHY}, headers=V1)
        page = await ask("aud", "GET", "/audit-logs?action=access:request:denied")
        (event,) = page.json()["items"]
        assert event["actor"] == str(house.eve.id)
        assert event["resource"] == "PUT /api/v1/flags/{key}"
        assert (event["outcome"], event["after"]) == ("denied", {"refusal": "permission-missing"})
        async with furnished.world.services.store.transaction(house.id) as tx:
            assert len(await tx.audit.page(AuditFilter(action="access:request:denied"), None, 10)) == 1
