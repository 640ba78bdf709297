from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.processes import Call
from application.admission import Admitting
from application.progression import Step
from domain.rollouts import State

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
CHANGE = {"environment": "production", "key": "checkout", "definition": FLAG, "base_version": 0,
          "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
DOWN = {"incident": "INC-7", "reason": "the shop is down and nobody answers"}
UNSET = {"If-Match": '"v0"'}


async def draft(ask: Any, **more: Any) -> str:
    made = await ask("ada", "POST", "/changes", json={**CHANGE, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


class TestBreakGlass:
    @pytest.mark.req("S19")
    async def test_goes_past_the_approval_and_owes_a_review_that_another_closes(self, ask: Any) -> None:
        change = await draft(ask)
        done = await ask("olu", "POST", f"/changes/{change}/break-glass", json=DOWN)
        assert (done.status_code, done.json()["standing"], done.json()["levels"]) == (200, "BYPASSED", 2)
        (owed,) = (await ask("eve", "GET", "/reviews?owed=true")).json()["items"]
        assert (owed["change"], owed["incident"], owed["cause"]) == (change, "INC-7", "emergency")
        path = f"/reviews/{owed['id']}"
        assert (await ask("olu", "POST", f"{path}/close", json={"finding": "all was well"})).status_code == 403
        closed = await ask("bob", "POST", f"{path}/close", json={"finding": "it was needed, and right"})
        assert (closed.status_code, closed.json()["finding"]) == (200, "it was needed, and right")
        again = await ask("cyd", "POST", f"{path}/close", json={"finding": "I looked, as well"})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/review-closed")
        assert (await ask("eve", "GET", path)).json() == closed.json()
        assert (await ask("eve", "GET", "/reviews?owed=true")).json()["items"] == []

    @pytest.mark.req("S19")
    @pytest.mark.parametrize(
        ("wish", "path"),
        [({"reason": DOWN["reason"]}, "/incident"), ({**DOWN, "incident": ""}, "/incident"),
         ({**DOWN, "reason": "urgent"}, "/reason")],
    )  # fmt: skip
    async def test_without_an_incident_or_a_reason_is_422(self, ask: Any, wish: Any, path: str) -> None:
        refused = await ask("olu", "POST", f"/changes/{await draft(ask)}/break-glass", json=wish)
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, path)

    @pytest.mark.req("S19")
    async def test_a_fourth_in_a_day_is_429_and_says_when_to_come_again(self, ask: Any) -> None:
        for key in ("a", "b", "c"):
            answer = await ask("olu", "POST", f"/changes/{await draft(ask, key=key)}/break-glass", json=DOWN)
            assert answer.status_code == 200, answer.text
        refused = await ask("olu", "POST", f"/changes/{await draft(ask, key='d')}/break-glass", json=DOWN)
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-emergencies")
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400

    @pytest.mark.req("S19", "S88")
    async def test_what_is_approved_and_frozen_is_done_once_and_starts(self, ask: Any, world: Any, house: Any) -> None:
        begun = (await ask("ada", "POST", "/rollouts", json=CHANGE)).json()
        for handle in ("bob", "cyd"):
            assert (await ask(handle, "POST", f"/approvals/{begun['approval']}/approve", json={})).status_code == 200
        until = (world.services.clock() + timedelta(hours=5)).isoformat()
        frozen = await ask(
            "olu", "POST", "/freezes", json={"scope": {"environment": "production"}, "until": until, **WHY}
        )
        assert frozen.status_code == 201, frozen.text
        change = begun["change"]["id"]

        async def admitted() -> State:
            step = Step(UUID(change), house.id, str(uuid4()), world.services.clock())
            return (await Admitting(world.services.store).admit(step)).state

        assert await admitted() is State.BLOCKED
        done = await ask("olu", "POST", f"/changes/{change}/break-glass", json=DOWN)
        assert (done.status_code, done.json()["standing"]) == (200, "BYPASSED"), done.text
        assert Call("urgent", UUID(change)) in world.processes.calls
        assert await admitted() is State.RUNNING
        again = await ask("olu", "POST", f"/changes/{change}/break-glass", json=DOWN)
        assert (again.status_code, again.json()["type"]) == (409, "/problems/nothing-to-bypass")
        assert len((await ask("eve", "GET", "/reviews?owed=true")).json()["items"]) == 1

    @pytest.mark.req("S20")
    async def test_content_that_is_not_valid_is_422_and_leaves_nothing(self, ask: Any) -> None:
        wrong = {**CHANGE, "definition": {**FLAG, "defaultVariant": "nowhere"}}
        assert (await ask("olu", "POST", "/changes", json=wrong)).status_code in {403, 422}
        assert (await ask("ada", "POST", "/changes", json=wrong)).status_code == 422
        rules = {"evaluators": {"vips": {"==": [{"var": "tier"}, "vip"]}}, **WHY}
        nobody = {"policy": {"levels": []}, **WHY}
        assert (await ask("root", "PUT", "/policies/production", json=nobody, headers=UNSET)).status_code == 200
        put = await ask("ada", "PUT", "/evaluators?environment=production", json=rules, headers=UNSET)
        assert put.status_code == 200, put.text
        change = await draft(ask, definition={**FLAG, "targeting": {"if": [{"$ref": "vips"}, "on", "off"]}})
        none = {"evaluators": {}, **WHY}
        gone = await ask("ada", "PUT", "/evaluators?environment=production", json=none, headers={"If-Match": '"v1"'})
        assert gone.status_code == 200, gone.text
        refused = await ask("olu", "POST", f"/changes/{change}/break-glass", json=DOWN)
        assert refused.status_code == 422
        assert (await ask("eve", "GET", "/reviews")).json()["items"] == []
        assert (await ask("eve", "GET", f"/changes/{change}")).json()["status"] == "DRAFT"


class TestPeople:
    async def test_a_group_is_asked_where_a_level_names_it(self, ask: Any) -> None:
        made = await ask("root", "PUT", "/groups/duty", json={"members": ["bob"], **WHY}, headers=UNSET)
        assert (made.status_code, made.headers["ETag"]) == (200, '"v1"')
        assert [each["handle"] for each in (await ask("eve", "GET", "/groups/duty")).json()["members"]] == ["bob"]
        policy = {"policy": {"levels": [{"groups": ["duty"], "escalates_to": {"people": [], "roles": ["Approver"]}}]}}
        set_ = await ask("root", "PUT", "/policies/production", json={**policy, **WHY}, headers=UNSET)
        assert set_.status_code == 200, set_.text
        approval = (await ask("ada", "POST", "/rollouts", json=CHANGE)).json()["approval"]
        refused = await ask("cyd", "POST", f"/approvals/{approval}/approve", json={})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-an-approver")
        approved = await ask("bob", "POST", f"/approvals/{approval}/approve", json={})
        assert approved.json()["standing"] == "APPROVED"
        (level,) = approved.json()["levels"]
        assert (level["groups"], level["escalated"]) == (["duty"], False)

    @pytest.mark.req("S18")
    async def test_a_loan_is_seen_used_and_asked_back(self, ask: Any) -> None:
        lent = {"to": "olu", "starts": "2026-01-01T00:00:00Z", "ends": "2100-01-01T00:00:00Z", **WHY}
        loan = (await ask("bob", "POST", "/delegations", json=lent)).json()
        (seen,) = (await ask("eve", "GET", "/delegations")).json()["items"]
        assert (seen["id"], seen["giver_handle"], seen["to"], seen["holds"]) == (loan["id"], "bob", "olu", True)
        approval = (await ask("ada", "POST", "/rollouts", json=CHANGE)).json()["approval"]
        (waiting,) = (await ask("olu", "GET", "/approvals/pending")).json()["items"]
        assert [each["handle"] for each in waiting["may_vote_for"]] == ["bob"]
        assert (await ask("cyd", "POST", f"/delegations/{loan['id']}/revoke", json=WHY)).status_code == 404
        back = await ask("bob", "POST", f"/delegations/{loan['id']}/revoke", json=WHY)
        assert (back.status_code, back.json()["holds"]) == (200, False)
        vote = {"on_behalf_of": loan["giver"]}
        assert (await ask("olu", "POST", f"/approvals/{approval}/approve", json=vote)).status_code == 403

    async def test_comments_and_the_brief_stand_beside_the_votes(self, ask: Any) -> None:
        approval = (await ask("ada", "POST", "/rollouts", json=CHANGE)).json()["approval"]
        said = await ask("bob", "POST", f"/approvals/{approval}/comments", json={"text": "why so much at once?"})
        assert [(each["author_handle"], each["text"]) for each in said.json()["comments"]] == [
            ("bob", "why so much at once?")
        ]
        brief = (await ask("eve", "GET", f"/approvals/{approval}/brief")).json()
        assert (brief["title"], brief["authors"], brief["moved"]) == ("flag checkout", ["ada"], False)
        assert (brief["strategy"], brief["steps"]) == ("direct", "everybody at once")
        assert [line["op"] for line in brief["changes"]] == ["added"]
        assert brief["lines"] == 1
        assert brief["way_back"].endswith("by whoever aborts or reverts it.")
        assert (
            await ask("eve", "POST", f"/approvals/{approval}/comments", json={"text": "me, too"})
        ).status_code == 403


class TestPolicies:
    async def test_in_production_a_policy_is_changed_by_whom_it_asks(self, ask: Any) -> None:
        first = {"policy": {"levels": [{"roles": ["Approver"]}]}, **WHY}
        set_ = await ask("root", "PUT", "/policies/production", json=first, headers=UNSET)
        assert (set_.status_code, set_.headers["ETag"]) == (200, '"v1"')
        nobody = {"policy": {"levels": []}, **WHY}
        asked = await ask("root", "PUT", "/policies/production", json=nobody, headers={"If-Match": '"v1"'})
        assert (asked.status_code, asked.json()["change"]["target"]["kind"]) == (202, "policy")
        assert (asked.json()["levels"], asked.json()["standing"]) == (1, "PENDING")
        assert len((await ask("eve", "GET", "/policies/production")).json()["policy"]["levels"]) == 1
        change = asked.json()["change"]["id"]
        diff = (await ask("eve", "GET", f"/changes/{change}/diff")).json()
        assert [line["path"] for line in diff["changes"]] == ["/levels"]
        voted = await ask("bob", "POST", f"/approvals/{change}/approve", json={})
        assert voted.json()["standing"] == "APPROVED"
