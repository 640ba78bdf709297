"""A level that asks outside, over the whole way: set up through the API, asked on loopback, and answered."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
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
from application.ports.outward import ErrandKind
from domain.approvals import ApprovalPolicy, Level
from domain.changes import Kind
from domain.environments import Environment
from tests.outside import Front, Jira, ServiceNow, standing

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
FIRST = {"If-Match": '"v0"'}
SECRET = "whsec_" + "c2VjcmV0" * 4
pytestmark = pytest.mark.usefixtures("empty_post")
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

        yield Bureau(ask, world, house, engine, Courier(Ours(), {ErrandKind.TICKET: tickets.attend}))


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


class TestSystem:
    async def test_shows_no_secret_and_keeps_those_that_are_not_given(
        self, bureau: Bureau, servicenow: Any, ask: Any
    ) -> None:
        found = await ask("root", "GET", "/approval-systems/servicenow")
        assert set(found.json()) == {"name", "version", "url", "mapping", "principal", "written_at"}
        wish = {"url": servicenow[1].url, "mapping": ServiceNow.MAPPING, **WHY}
        assert (await ask("root", "PUT", "/approval-systems/servicenow", json=wish, headers=FIRST)).status_code == 412
        again = await ask("root", "PUT", "/approval-systems/servicenow", json=wish, headers={"If-Match": '"v1"'})
        assert again.json()["version"] == 2
        await bureau.bob()
        await bureau.rounds()
        assert (await bureau.tickets())[0]["state"] == "open"
        for kept in await bureau.sql(
            "SELECT s::text FROM approval_system AS s UNION ALL SELECT a::text FROM audit_event AS a"
        ):
            assert SECRET not in kept[0]
            assert AUTHORIZATION not in kept[0]

    async def test_votes_as_a_principal_that_has_no_roles(self, bureau: Bureau, servicenow: Any, ask: Any) -> None:
        (found,) = (await ask("root", "GET", "/approval-systems")).json()["items"]
        async with bureau.world.services.store.transaction(bureau.house.id) as tx:
            (principal,) = await tx.people.by_ids([UUID(found["principal"])])
        assert (principal.handle, principal.kind.value, principal.roles) == (
            "system:servicenow",
            "service",
            frozenset(),
        )

    async def test_whose_mapping_is_wrong_is_refused_fault_by_fault(self, ask: Any) -> None:
        mapping = {
            "create": {"path": "x", "body": {"a": "$nobody"}, "key": "sys_id"},
            "approved": ["a"],
            "rejected": ["a"],
        }
        wish = {"url": "https://sn.example/", "mapping": mapping, **WHY}
        answer = await ask("root", "PUT", "/approval-systems/sn", json=wish, headers=FIRST)
        assert (answer.status_code, sorted(fault["path"] for fault in answer.json()["faults"])) == (
            422,
            ["/mapping", "/mapping/create/body", "/mapping/create/key", "/mapping/create/path", "/mapping/rejected"],
        )

    async def test_that_is_removed_leaves_its_levels_waiting(self, bureau: Bureau, servicenow: Any, ask: Any) -> None:
        gone = await ask("root", "DELETE", "/approval-systems/servicenow", params=WHY, headers={"If-Match": '"v1"'})
        assert gone.status_code == 204
        await bureau.bob()
        await bureau.rounds()
        (ticket,) = await bureau.tickets()
        assert (ticket["state"], ticket["last_error"]) == ("due", "no-such-system")


class TestPolicy:
    async def test_that_asks_a_system_which_nobody_set_up_is_refused(self, ask: Any) -> None:
        wish = {"policy": {"levels": [{}, {"external": "nobody"}]}, **WHY}
        answer = await ask("root", "PUT", "/policies/staging", json=wish, headers=FIRST)
        assert answer.status_code == 422, answer.text
        assert [fault["path"] for fault in answer.json()["faults"]] == ["/policy/levels/1/external"]

    async def test_that_asks_one_that_is_there_is_taken(self, bureau: Bureau, servicenow: Any, ask: Any) -> None:
        wish = {"policy": {"levels": [{"external": "servicenow"}]}, **WHY}
        answer = await ask("root", "PUT", "/policies/staging", json=wish, headers=FIRST)
        assert answer.json()["policy"]["levels"][0]["external"] == "servicenow"


class TestAsking:
    async def test_waits_until_its_level_is_open(self, bureau: Bureau, servicenow: tuple[ServiceNow, Front]) -> None:
        await bureau.rounds()
        assert (await bureau.tickets(), servicenow[0].tickets) == ([], {})

    async def test_says_what_and_for_which_content_under_a_signature(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front], opened: ServiceNow
    ) -> None:
        (ticket,) = await bureau.tickets()
        (made,) = opened.tickets.values()
        assert (ticket["state"], ticket["level"], ticket["key"]) == ("open", 2, made["sys_id"])
        assert (made["correlation_id"], made["u_digest"]) == (ticket["id"], ticket["digest"])
        assert made["short_description"] == "Approve flag checkout in production"
        assert "What changes:" in made["description"]
        assert f"approval-systems/servicenow/callback?tenant={bureau.house.tenant.slug}" in made["description"]
        _, _, headers, body = servicenow[1].taken[0]
        Webhook(SECRET).verify(body, headers)
        assert headers["idempotency-key"] == headers["webhook-id"] == ticket["id"]
        assert await bureau.trail("approval:ticket:opened") == [
            {"system": "servicenow", "key": made["sys_id"], "level": 2, "digest": ticket["digest"]}
        ]

    async def test_is_tried_again_when_the_system_was_away(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front]
    ) -> None:
        desk, front = servicenow
        await front.down()
        await bureau.bob()
        await bureau.rounds()
        (ticket,) = await bureau.tickets()
        assert (ticket["state"], ticket["last_error"], ticket["attempts"]) == ("due", "no-connection", 1)
        await front.up()
        await bureau.later()
        await bureau.rounds()
        assert ((await bureau.tickets())[0]["state"], len(desk.tickets)) == ("open", 1)

    async def test_makes_no_second_ticket_when_the_answer_was_lost(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front]
    ) -> None:
        desk, _ = servicenow
        desk.lost = 1
        await bureau.bob()
        await bureau.rounds()
        assert ((await bureau.tickets())[0]["last_error"], len(desk.tickets)) == ("status-502", 1)
        await bureau.later()
        await bureau.rounds()
        assert ((await bureau.tickets())[0]["state"], len(desk.tickets)) == ("open", 1)

    async def test_ends_with_its_request(self, bureau: Bureau, opened: ServiceNow, ask: Any) -> None:
        await ask("ada", "POST", f"/changes/{bureau.approval}/withdraw", json={"reason": "no longer"})
        await bureau.later()
        await bureau.rounds()
        assert (await bureau.tickets())[0]["state"] == "closed"
        late = await bureau.answer()
        assert (late.status_code, late.json()["type"]) == (409, "/problems/approval-closed")
        assert [each["refusal"] for each in await bureau.trail("approval:ticket:refused")] == ["approval-closed"]


class TestCallback:
    async def test_counts_as_the_vote_of_the_system(self, bureau: Bureau, opened: ServiceNow, ask: Any) -> None:
        answer = await bureau.answer(comments="CAB of Tuesday")
        assert (answer.status_code, answer.json()["counted"], answer.json()["answer"]) == (200, True, "approve")
        assert await bureau.standing() == "APPROVED"
        votes = (await ask("eve", "GET", f"/approvals/{bureau.approval}")).json()["votes"]
        outside = next(vote for vote in votes if vote["level"] == 2)
        assert outside["voter_handle"] == "system:servicenow"
        assert outside["reason"].endswith("says approve: CAB of Tuesday")

    async def test_that_rejects_ends_the_request(self, bureau: Bureau, opened: ServiceNow) -> None:
        assert (await bureau.answer("rejected")).json()["answer"] == "reject"
        assert await bureau.standing() == "REJECTED"

    async def test_that_decides_nothing_changes_nothing(self, bureau: Bureau, opened: ServiceNow) -> None:
        answer = await bureau.answer("requested")
        assert (answer.status_code, answer.json()["counted"], await bureau.standing()) == (200, False, "PENDING")

    async def test_that_is_sent_again_is_refused_and_the_same_answer_anew_is_ignored(
        self, bureau: Bureau, opened: ServiceNow
    ) -> None:
        assert (await bureau.answer(message="m-1")).json()["counted"] is True
        replayed = await bureau.answer(message="m-1")
        assert (replayed.status_code, replayed.json()["type"]) == (409, "/problems/answer-replayed")
        anew = await bureau.answer(message="m-2")
        assert (anew.status_code, anew.json()["counted"]) == (200, False)
        assert [each["refusal"] for each in await bureau.trail("approval:ticket:refused")] == ["answer-replayed"]
        assert len(await bureau.trail("approval:ticket:repeated")) == 1
        assert len(await bureau.trail("approval:vote:cast")) == 2

    async def test_that_contradicts_the_first_is_refused(self, bureau: Bureau, opened: ServiceNow) -> None:
        await bureau.answer()
        other = await bureau.answer("rejected")
        assert (other.status_code, other.json()["type"]) == (409, "/problems/answer-contradicts")
        assert await bureau.standing() == "APPROVED"

    async def test_for_other_content_is_refused(self, bureau: Bureau, opened: ServiceNow) -> None:
        answer = await bureau.answer(u_digest="sha256:" + "0" * 64)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/digest-mismatch")
        assert (await bureau.answer(u_digest=None)).status_code == 422
        assert await bureau.standing() == "PENDING"

    async def test_of_nobody_tells_nothing_and_changes_nothing(self, bureau: Bureau, opened: ServiceNow) -> None:
        other = "whsec_" + "b3RoZXI=" * 4
        for answer in (
            await bureau.answer(secret=other),
            await bureau.answer(age=301),
            await bureau.answer(age=-301),
            await bureau.answer(name="jira"),
            await bureau.answer(slug="nobody-at-all"),
            await bureau.ask(None, "POST", "/approval-systems/servicenow/callback?tenant=x", json={}),
        ):
            assert (answer.status_code, answer.json()["type"]) == (401, "/problems/answer-unsigned")
        assert await bureau.standing() == "PENDING"

    async def test_about_a_ticket_of_nobody_is_404(self, bureau: Bureau, opened: ServiceNow) -> None:
        answer = await bureau.answer(correlation_id=str(uuid4()))
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/missing")

    async def test_and_another_at_the_same_time_are_one_vote(self, bureau: Bureau, opened: ServiceNow) -> None:
        answers = await asyncio.gather(*(bureau.answer(state) for state in ("approved", "rejected") * 3))
        counted = {answer.json()["answer"] for answer in answers if answer.status_code == 200}
        assert len(counted) == 1
        assert {answer.status_code for answer in answers} <= {200, 409}
        votes = await bureau.trail("approval:vote:cast")
        assert [each["level"] for each in votes].count(2) == 1
        (ticket,) = await bureau.tickets()
        assert ({ticket["answer"]}, ticket["state"]) == (counted, "answered")

    async def test_while_temporal_is_away_may_come_again(self, bureau: Bureau, opened: ServiceNow) -> None:
        bureau.world.processes.down = True
        try:
            assert (await bureau.answer(message="m-1")).status_code == 503
        finally:
            bureau.world.processes.down = False
        assert (await bureau.answer(message="m-1")).json()["counted"] is True
        assert await bureau.standing() == "APPROVED"


class TestNobodyElse:
    async def test_votes_on_that_level(self, bureau: Bureau, opened: ServiceNow, ask: Any) -> None:
        answer = await ask("cyd", "POST", f"/approvals/{bureau.approval}/approve", json={})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/wrong-level")
        service = await ask("shop", "POST", f"/approvals/{bureau.approval}/approve", json={})
        assert (service.status_code, service.json()["type"]) == (403, "/problems/service-account-may-not-vote")


class TestPolling:
    async def test_finds_the_answer_where_no_callback_comes(self, bureau: Bureau) -> None:
        desk = Jira()
        async with standing(desk) as front:
            await bureau.set_up("jira", front, Jira.MAPPING, Level((), (), 1, external="jira"))
            await bureau.rounds()
            (ticket,) = await bureau.tickets()
            assert (ticket["state"], ticket["key"]) == ("open", "OPS-1")
            await bureau.later()
            await bureau.rounds()
            assert await bureau.standing() == "PENDING"
            desk.tickets["OPS-1"]["fields"]["status"]["name"] = "Approved"
            await bureau.later()
            await bureau.rounds()
            assert (await bureau.standing(), (await bureau.tickets())[0]["state"]) == ("APPROVED", "answered")
            asked = len(front.taken)
            await bureau.later()
            await bureau.rounds()
            assert len(front.taken) == asked

    async def test_that_fails_is_tried_again(self, bureau: Bureau) -> None:
        desk = Jira()
        async with standing(desk) as front:
            await bureau.set_up("jira", front, Jira.MAPPING, Level((), (), 1, external="jira"))
            await bureau.rounds()
            desk.tickets["OPS-1"]["fields"]["status"]["name"] = "Declined"
            await front.down()
            await bureau.later()
            await bureau.rounds()
            assert (await bureau.tickets())[0]["last_error"] == "no-connection"
            await front.up()
            await bureau.later()
            await bureau.rounds()
            assert await bureau.standing() == "REJECTED"
