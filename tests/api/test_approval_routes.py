import asyncio
from typing import Any

import pytest

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NEW: dict[str, Any] = {**FLAG, "defaultVariant": "on"}
WHY = {"reason": "because of the test"}
UNSET = {"If-Match": '"v0"'}
CHANGE = {"environment": "production", "key": "checkout", "definition": FLAG, "base_version": 0,
          "plan": {"strategy": "direct"}, **WHY}  # fmt: skip


@pytest.fixture
async def approval(ask: Any) -> str:
    begun = await ask("ada", "POST", "/rollouts", json=CHANGE)
    assert (begun.status_code, begun.json()["levels"]) == (201, 2)
    return str(begun.json()["approval"])


class TestChanges:
    async def test_a_draft_is_read_compared_submitted_and_taken_back(self, ask: Any) -> None:
        made = await ask("ada", "POST", "/changes", json={**CHANGE, "ticket": "OPS-7", "contributors": ["cyd"]})
        path = f"/changes/{made.json()['id']}"
        assert (made.status_code, made.headers["ETag"]) == (201, '"r1"')
        assert (await ask("eve", "GET", path)).json() == made.json()
        diff = (await ask("eve", "GET", f"{path}/diff")).json()
        assert (diff["moved"], [line["op"] for line in diff["changes"]]) == (False, ["added"])
        stale = await ask("ada", "POST", f"{path}/submit", headers={"If-Match": '"r9"'})
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale")
        sent = await ask("ada", "POST", f"{path}/submit", headers={"If-Match": '"r1"'})
        assert (sent.json()["change"]["status"], sent.json()["standing"]) == ("SUBMITTED", "PENDING")
        back = await ask("ada", "POST", f"{path}/withdraw", json={"reason": "changed my mind"})
        assert back.json()["status"] == "WITHDRAWN"

    async def test_contributors_who_are_nobody_are_422(self, ask: Any) -> None:
        answer = await ask("ada", "POST", "/changes", json={**CHANGE, "contributors": ["cyd", "nobody"]})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/contributors/1")

    @pytest.mark.req("S41")
    async def test_stages_that_do_not_rise_to_all_are_422(self, ask: Any) -> None:
        for stages in ([50, 25, 100], [10, 50]):
            plan = {"strategy": "canary", "stages": stages}
            answer = await ask("ada", "POST", "/changes", json={**CHANGE, "plan": plan})
            assert answer.status_code == 422
            assert answer.json()["faults"][0]["path"].startswith("/plan/stages/")

    @pytest.mark.req("S55")
    async def test_a_query_that_lacks_an_argument_is_422_before_any_rollout(self, ask: Any) -> None:
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        await ask("ada", "POST", "/flags", json=wish)
        metrics = {"source": "prometheus", "templates": {"requests": "sum(r{v=$variant})", "errors": "sum(e{v=$who})"}}
        canary = {**CHANGE, "environment": "dev", "base_version": 1, "definition": NEW, "plan": {}, "metrics": metrics}
        answer = await ask("ada", "POST", "/rollouts", json=canary)
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/metrics/templates/errors")

    async def test_faults_of_the_content_point_at_the_definition(self, ask: Any) -> None:
        answer = await ask("ada", "POST", "/changes", json={**CHANGE, "definition": {**FLAG, "state": "OFF"}})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/definition/state")

    async def test_a_change_on_a_moved_base_is_409_and_rebased_in_one_call(self, ask: Any) -> None:
        wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        await ask("ada", "POST", "/flags", json=wish)
        change = {**CHANGE, "environment": "dev", "definition": NEW, "base_version": 1}
        made = (await ask("ada", "POST", "/changes", json=change)).json()
        meant = {"definition": {**FLAG, "metadata": {"owner": "shop"}}, **WHY}
        await ask("ada", "PUT", "/flags/checkout?environment=dev", json=meant, headers={"If-Match": '"v1"'})
        refused = await ask("ada", "POST", f"/changes/{made['id']}/submit")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/base-version-conflict")
        rebased = await ask("ada", "POST", f"/changes/{made['id']}/rebase")
        assert (rebased.status_code, rebased.json()["base_version"]) == (201, 2)
        assert rebased.json()["definition"] == {**NEW, "metadata": {"owner": "shop"}}

    async def test_changes_and_rollouts_come_page_by_page(self, ask: Any) -> None:
        for key in ("a", "b", "c"):
            await ask("ada", "POST", "/rollouts", json={**CHANGE, "key": key})
        for listed in ("/changes", "/rollouts"):
            first = (await ask("eve", "GET", f"{listed}?limit=2")).json()
            rest = (await ask("eve", "GET", f"{listed}?limit=2&cursor={first['next_cursor']}")).json()
            keys = [item.get("key") or item["target"]["key"] for item in first["items"] + rest["items"]]
            assert keys == ["c", "b", "a"]
            assert rest["next_cursor"] is None


class TestVotes:
    @pytest.mark.req("S1")
    async def test_two_levels_approve_in_order(self, ask: Any, approval: str) -> None:
        waiting = (await ask("bob", "GET", "/approvals/pending")).json()["items"]
        assert [item["id"] for item in waiting] == [approval]
        first = await ask("bob", "POST", f"/approvals/{approval}/approve", json={"reason": "good"})
        assert (first.json()["standing"], first.json()["open_level"]) == ("PENDING", 2)
        second = await ask("cyd", "POST", f"/approvals/{approval}/approve", json={})
        assert (second.json()["standing"], second.json()["open_level"]) == ("APPROVED", None)

    @pytest.mark.req("S2")
    async def test_a_vote_on_a_level_that_is_not_open_is_409(self, ask: Any, approval: str, house: Any) -> None:
        levels = [{"people": [str(house.bob.id)]}, {"people": [str(house.cyd.id)]}]
        policy = {"policy": {"levels": levels}, **WHY}
        assert (await ask("root", "PUT", "/policies/production", json=policy, headers=UNSET)).status_code == 200
        begun = await ask("ada", "POST", "/rollouts", json={**CHANGE, "key": "named"})
        refused = await ask("cyd", "POST", f"/approvals/{begun.json()['approval']}/approve", json={})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/wrong-level")
        assert (await ask("cyd", "GET", f"/approvals/{begun.json()['approval']}")).json()["votes"] == []

    @pytest.mark.req("S3", "S4")
    async def test_whoever_wrote_it_may_not_vote(self, ask: Any) -> None:
        begun = await ask("root", "POST", "/rollouts", json={**CHANGE, "contributors": ["bob"]})
        for author in ("root", "bob"):
            refused = await ask(author, "POST", f"/approvals/{begun.json()['approval']}/approve", json={})
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/self-approval-forbidden")

    async def test_two_votes_of_one_person_are_409(self, ask: Any, approval: str) -> None:
        await ask("bob", "POST", f"/approvals/{approval}/approve", json={})
        again = await ask("bob", "POST", f"/approvals/{approval}/approve", json={})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/already-voted")

    @pytest.mark.req("S8")
    async def test_a_rejection_needs_a_reason(self, ask: Any, approval: str) -> None:
        short = await ask("bob", "POST", f"/approvals/{approval}/reject", json={"reason": "no"})
        assert (short.status_code, short.json()["faults"][0]["path"]) == (422, "/reason")
        done = await ask("bob", "POST", f"/approvals/{approval}/reject", json={"reason": "it would break the shop"})
        assert done.json()["standing"] == "REJECTED"
        late = await ask("cyd", "POST", f"/approvals/{approval}/approve", json={})
        assert (late.status_code, late.json()["type"]) == (409, "/problems/approval-closed")

    @pytest.mark.req("S22")
    async def test_a_vote_is_taken_back_while_its_level_is_open(self, ask: Any, house: Any) -> None:
        policy = {"policy": {"levels": [{"roles": ["Approver"], "quorum": 2}]}, **WHY}
        await ask("root", "PUT", "/policies/production", json=policy, headers=UNSET)
        begun = await ask("ada", "POST", "/rollouts", json={**CHANGE, "key": "pair"})
        path = f"/approvals/{begun.json()['approval']}"
        await ask("bob", "POST", f"{path}/approve", json={})
        back = await ask("bob", "POST", f"{path}/withdraw-vote", json={"reason": "not sure"})
        assert (back.status_code, back.json()["levels"][0]["approvals"]) == (200, 0)
        assert back.json()["votes"][0]["dropped"] == "withdrawn"

    async def test_a_vote_for_other_content_is_409(self, ask: Any, approval: str) -> None:
        seen = {"digest": "sha256:" + "0" * 64}
        answer = await ask("bob", "POST", f"/approvals/{approval}/approve", json=seen)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/digest-mismatch")

    async def test_a_proof_of_a_vote_counts_nothing_by_itself(self, ask: Any, approval: str, world: Any) -> None:
        told = (await ask("bob", "POST", f"/approvals/{approval}/assertions", json={"answer": "approve"})).json()
        signal = told["signal"]
        assert (signal["workflow_id"], signal["name"]) == (f"approval/{approval}", "approve")
        assert signal["input"] == {"assertion": told["assertion"]}
        assert (await ask("bob", "GET", f"/approvals/{approval}")).json()["votes"] == []

    async def test_temporal_down_is_503_and_nothing_is_counted(self, ask: Any, approval: str, world: Any) -> None:
        world.processes.down = True
        try:
            answer = await ask("bob", "POST", f"/approvals/{approval}/approve", json={})
        finally:
            world.processes.down = False
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert (await ask("bob", "GET", f"/approvals/{approval}")).json()["votes"] == []

    @pytest.mark.req("S7")
    async def test_two_last_votes_at_once_complete_once(self, ask: Any, approval: str) -> None:
        await ask("bob", "POST", f"/approvals/{approval}/approve", json={})
        votes = [ask(who, "POST", f"/approvals/{approval}/approve", json={}) for who in ("cyd", "dee")]
        assert sorted(answer.status_code for answer in await asyncio.gather(*votes)) == [200, 409]

    @pytest.mark.req("S18")
    async def test_a_lent_vote_names_both(self, ask: Any, approval: str, house: Any) -> None:
        lent = {"to": "dee", "starts": "2026-01-01T00:00:00Z", "ends": "2199-01-01T00:00:00Z", **WHY}
        assert (await ask("bob", "POST", "/delegations", json=lent)).status_code == 201
        wish = {"on_behalf_of": str(house.bob.id)}
        vote = (await ask("dee", "POST", f"/approvals/{approval}/approve", json=wish)).json()["votes"][0]
        assert (vote["voter_handle"], vote["on_behalf_of"]) == ("dee", str(house.bob.id))
        assert (await ask("bob", "POST", f"/approvals/{approval}/approve", json={})).status_code == 409


class TestControls:
    async def test_what_waits_is_cancelled_by_an_abort(self, ask: Any, approval: str) -> None:
        for verb in ("pause", "resume", "promote", "rollback"):
            refused = await ask("olu", "POST", f"/rollouts/{approval}/{verb}", json=WHY)
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-running")
        done = await ask("olu", "POST", f"/rollouts/{approval}/abort", json=WHY)
        assert (done.json()["state"], done.json()["ended"]) == ("CANCELLED", True)
        steps = (await ask("eve", "GET", f"/rollouts/{approval}/timeline")).json()["items"]
        assert [step["to_state"] for step in steps] == ["AWAITING_APPROVAL", "CANCELLED"]
        assert (await ask("eve", "GET", f"/rollouts/{approval}/evidence")).json() == {"items": []}
        again = await ask("olu", "POST", f"/rollouts/{approval}/abort", json=WHY)
        assert again.json()["type"] == "/problems/already-terminal"


class TestPeople:
    async def test_roles_hold_from_the_next_request_on(self, ask: Any) -> None:
        before = (await ask("eve", "GET", "/me")).json()
        await ask("root", "PUT", "/people/eve/roles", json={"roles": ["Auditor", "Viewer"], **WHY})
        after = (await ask("eve", "GET", "/me")).json()
        assert ("audit.read" in before["permissions"], "audit.read" in after["permissions"]) == (False, True)

    async def test_people_are_listed_without_their_addresses(self, ask: Any) -> None:
        people = (await ask("eve", "GET", "/people")).json()["items"]
        assert {"ada", "shop"} <= {person["handle"] for person in people}
        assert set(people[0]) == {"id", "handle", "kind", "roles"}

    async def test_faults_of_a_policy_point_into_the_body(self, ask: Any) -> None:
        wish = {"policy": {"levels": [{"quorum": 0}]}, **WHY}
        answer = await ask("root", "PUT", "/policies/dev", json=wish, headers=UNSET)
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/policy/levels/0/quorum")

    async def test_a_policy_is_replaced_in_the_version_that_was_seen(self, ask: Any) -> None:
        path, wish = "/policies/dev?kind=setting", {"policy": {"levels": [{}]}, **WHY}
        assert (await ask("root", "PUT", path, json=wish)).status_code == 428
        assert (await ask("eve", "GET", path)).headers["ETag"] == '"v0"'
        first = await ask("root", "PUT", path, json=wish, headers=UNSET)
        assert (first.status_code, first.headers["ETag"], first.json()["version"]) == (200, '"v1"', 1)
        stale = await ask("root", "PUT", path, json={"policy": {}, **WHY}, headers=UNSET)
        assert (stale.status_code, stale.json()["type"], stale.json()["version"]) == (412, "/problems/stale", 1)
        again = await ask("root", "PUT", path, json={"policy": {}, **WHY}, headers={"If-Match": '"v1"'})
        assert again.headers["ETag"] == (await ask("eve", "GET", path)).headers["ETag"] == '"v2"'
        assert (await ask("eve", "GET", "/policies/dev?kind=setting-rules")).status_code == 422

    async def test_closes_of_periods_have_a_policy_of_their_own(self, ask: Any) -> None:
        path, wish = "/policies/production?kind=period-close", {"policy": {"levels": [{"quorum": 2}]}, **WHY}
        assert (await ask("root", "PUT", path, json=wish, headers=UNSET)).status_code == 200
        told = (await ask("eve", "GET", path)).json()
        assert (told["kind"], told["policy"]["levels"][0]["quorum"]) == ("period-close", 2)
        assert (await ask("eve", "GET", "/policies/production")).headers["ETag"] == '"v0"'


class TestTelemetry:
    async def test_a_batch_counts_once(self, ask: Any) -> None:
        sample: dict[str, Any] = {
            "environment": "dev", "key": "checkout", "variant": "on", "window_end": "2026-01-31T12:00:00Z",
            "requests": 10, "errors": 1,
        }  # fmt: skip
        sample["buckets"] = [{"le": 0.1, "count": 9}, {"le": None, "count": 1}]
        batch = {"batch": "shop-1/7", "samples": [sample]}
        assert (await ask("shop", "POST", "/telemetry", json=batch)).json() == {"batch": "shop-1/7", "fresh": True}
        assert (await ask("shop", "POST", "/telemetry", json=batch)).json()["fresh"] is False

    @pytest.mark.parametrize("wrong", [
        {"errors": 11}, {"requests": -1}, {"requests": 1.5}, {"requests": "1"}, {"window_end": "yesterday"},
        {"window_end": 0}, {"window_end": "0001-01-01T00:00:00+14:00"}, {"buckets": [{"le": None, "count": 1}] * 2},
    ])  # fmt: skip
    async def test_a_sample_that_contradicts_itself_is_422(self, ask: Any, wrong: dict[str, Any]) -> None:
        sample = {"environment": "dev", "key": "checkout", "variant": "on", "window_end": "2026-01-31T12:00:00Z",
                  "requests": 10, "errors": 1, **wrong}  # fmt: skip
        answer = await ask("shop", "POST", "/telemetry", json={"batch": "b", "samples": [sample]})
        assert answer.status_code == 422
        assert answer.json()["faults"][0]["path"].startswith("/samples/0/")
