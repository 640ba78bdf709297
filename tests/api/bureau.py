"""One tenant whose production asks a system outside, and what that system is told and answers."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import text
from standardwebhooks import Webhook

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.egress.client import EgressClient
from adapters.notify.signatures import StandardSignatures
from application.couriers import Courier
from application.external.answers import Answers
from application.external.tickets import Doors, Tickets
from domain.approvals import ApprovalPolicy, Level
from domain.changes import Kind
from domain.environments import Environment
from tests.outside import Front, ServiceNow, standing

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
FIRST = {"If-Match": '"v0"'}
SECRET = "whsec_" + "c2VjcmV0" * 4
AUTHORIZATION = "Basic c25vdzpwYXNz"
CHANGE = {"environment": "production", "key": "checkout", "definition": FLAG, "base_version": 0,
          "plan": {"strategy": "direct"}, **WHY}  # fmt: skip


class Bureau:
    """One tenant whose production asks bob first and then a system outside."""

    def __init__(self, ask: Any, world: Any, house: Any, engine: Any, courier: Courier) -> None:
        self.ask, self.world, self.house, self.engine, self.courier = ask, world, house, engine, courier
        self.approval = ""

    async def set_up(self, name: str, front: Front, mapping: Any, *levels: Level) -> None:
        wish = {"url": front.url, "mapping": mapping, "secret": SECRET, "authorization": AUTHORIZATION, **WHY}
        answer = await self.ask("root", "PUT", f"/approval-systems/{name}", json=wish, headers=FIRST)
        assert answer.status_code == 200, answer.text
        asked = levels or (Level(), Level((), (), 1, external=name))
        async with self.world.services.store.transaction(self.house.id) as tx:
            await tx.policies.put(Environment.PRODUCTION, Kind.FLAG, ApprovalPolicy(asked))
        begun = await self.ask("ada", "POST", "/rollouts", json=CHANGE)
        assert begun.status_code == 201, begun.text
        self.approval = str(begun.json()["approval"])

    async def bob(self) -> None:
        assert (await self.ask("bob", "POST", f"/approvals/{self.approval}/approve", json={})).status_code == 200

    async def rounds(self, count: int = 3) -> None:
        for _ in range(count):
            await self.courier.round()
            await self.courier.settled()

    async def later(self) -> None:
        await self.sql("UPDATE approval_ticket SET not_before = now() - interval '1 second'")

    async def tickets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("eve", "GET", f"/approvals/{self.approval}/tickets")).json()[
            "items"
        ]
        return found

    async def standing(self) -> str:
        return str((await self.ask("eve", "GET", f"/approvals/{self.approval}")).json()["standing"])

    async def sql(self, statement: str) -> list[Any]:
        async with self.engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(self.house.id)})
            found = await connection.execute(text(statement))
            return list(found) if found.returns_rows else []

    async def trail(self, action: str) -> list[Any]:
        page = await self.ask("aud", "GET", f"/audit-logs?action={action}")
        return [each["after"] for each in page.json()["items"]]

    async def call_back(
        self,
        name: str = "servicenow",
        *,
        secret: str = SECRET,
        message: str = "",
        age: int = 0,
        slug: str = "",
        **said: Any,
    ) -> Any:
        body = json.dumps(said)
        message, at = message or uuid4().hex, datetime.now(UTC) - timedelta(seconds=age)
        headers = {
            "content-type": "application/json", "webhook-id": message,
            "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": Webhook(secret).sign(message, at, body),
        }  # fmt: skip
        path = f"/approval-systems/{name}/callback?tenant={slug or self.house.tenant.slug}"
        return await self.ask(None, "POST", path, content=body, headers=headers)

    async def answer(self, state: str = "approved", **more: Any) -> Any:
        """What a workflow in ServiceNow sends about the ticket that it has."""
        (ticket,) = await self.tickets()
        return await self.call_back(
            **{"correlation_id": ticket["id"], "u_digest": ticket["digest"], "approval": state, **more}
        )


@pytest_asyncio.fixture
async def bureau(ask: Any, world: Any, house: Any, engine: Any, store: Any, data_folder: Any) -> AsyncIterator[Bureau]:
    services = world.services
    async with EgressClient(allow_loopback=True, total_seconds=5) as egress:
        sealer = EnvelopeSealer(FileKeyRing(data_folder / "ring"))
        doors = Doors(egress, StandardSignatures(), sealer, "https://gate.example.test")
        tickets = Tickets(store, doors, Answers(store, services.approvals, services.processes))

        class Ours:
            """The errands of this house alone: other tests leave theirs."""

            async def errands(self) -> list[Any]:
                return [each for each in await store.errands() if each.tenant == house.id]

        yield Bureau(ask, world, house, engine, Courier(Ours(), tickets.attend))


@pytest_asyncio.fixture
async def servicenow(bureau: Bureau) -> AsyncIterator[tuple[ServiceNow, Front]]:
    desk = ServiceNow()
    async with standing(desk) as front:
        await bureau.set_up("servicenow", front, ServiceNow.MAPPING)
        yield desk, front


@pytest_asyncio.fixture
async def opened(bureau: Bureau, servicenow: tuple[ServiceNow, Front]) -> ServiceNow:
    await bureau.bob()
    await bureau.rounds()
    return servicenow[0]
