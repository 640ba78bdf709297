"""What a system outside answers to is one vote: called back under a signature, or found by asking again."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain.approvals import Level
from tests.api.bureau import Bureau
from tests.outside import Jira, ServiceNow, standing

pytestmark = pytest.mark.usefixtures("empty_post")


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
            await bureau.answer(age=-330),
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
