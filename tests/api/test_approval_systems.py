"""A level that asks outside, over the whole way: set up through the API, and asked on loopback."""

from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from tests.api.bureau import AUTHORIZATION, FIRST, SECRET, WHY, Bureau
from tests.outside import Front, ServiceNow, standing

pytestmark = pytest.mark.usefixtures("empty_post")


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

    async def test_that_moves_to_another_host_is_not_sent_there_what_it_was_given(
        self, bureau: Bureau, servicenow: Any, ask: Any
    ) -> None:
        async with standing(ServiceNow()) as elsewhere:
            wish = {"url": elsewhere.url, "mapping": ServiceNow.MAPPING, **WHY}
            at = {"If-Match": '"v1"'}
            refused = await ask("root", "PUT", "/approval-systems/servicenow", json=wish, headers=at)
            assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/secret")
            given = {**wish, "secret": "whsec_" + "b3RoZXJz" * 4}
            assert (await ask("root", "PUT", "/approval-systems/servicenow", json=given, headers=at)).status_code == 200
            await bureau.bob()
            await bureau.rounds()
            (_, _, headers, body) = elsewhere.taken[0]
        assert "authorization" not in headers
        Webhook(given["secret"]).verify(body, headers)

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
