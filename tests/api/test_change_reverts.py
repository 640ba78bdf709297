"""Changes are taken back over HTTP: what they wrote, and what it touches by now."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from application.admission import Admitting
from application.progression import Progression, Step
from domain.rollouts import State

WHY = {"reason": "because of the test"}
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant", "company"]}
AT = "?environment=production&scope="


@pytest.fixture
async def limit(define: Any) -> None:
    await define(**LIMIT)


@pytest.fixture
def finished(ask: Any, world: Any, house: Any) -> Any:
    """Approves a change that was submitted and carries it out, as its workflow would."""

    async def finish(submitted: Any) -> str:
        change = str(submitted["change"]["id"])
        for handle in ("bob", "cyd"):
            voted = await ask(handle, "POST", f"/approvals/{change}/approve", json={})
            assert voted.status_code == 200, voted.text
        progression = Progression(world.services.store)

        def step() -> Step:
            return Step(UUID(change), house.id, str(uuid4()), world.services.clock())

        assert (await Admitting(world.services.store).admit(step())).state is State.RUNNING
        await progression.expose(step(), 0)
        await progression.move(step(), State.BAKING, "all_stages_passed")
        assert await progression.move(step(), State.SUCCEEDED, "completed") is State.SUCCEEDED
        return change

    return finish


@pytest.fixture
def changed(ask: Any, finished: Any) -> Any:
    async def change(value: Any, version: int, key: str = "upload.limit") -> str:
        wish = {"value": value, **WHY}
        answer = await ask("ada", "PUT", f"/settings/{key}{AT}", json=wish, headers={"If-Match": f'"v{version}"'})
        assert answer.status_code == 202, answer.text
        return str(await finished(answer.json()["submitted"]))

    return change


async def value(ask: Any) -> Any:
    return (await ask("eve", "GET", f"/settings/upload.limit/effective{AT}")).json()["value"]


@pytest.mark.req("ST83", "FR-SM-032")
class TestRevert:
    async def test_waits_for_approval_and_then_holds(self, ask: Any, limit: None, changed: Any, finished: Any) -> None:
        change = await changed(20, 0)
        told = await ask("ada", "POST", f"/changes/{change}/revert", json={**WHY, "dry_run": True})
        assert (told.status_code, told.json()["levels"], told.json()["reach"]["leaves"]) == (200, 2, 1)
        assert told.json()["keys"] == [
            {"key": "#upload.limit", "touched": False,
             "lines": [{"path": "/value", "theirs": 20, "collides": False}]}
        ]  # fmt: skip
        answer = await ask("ada", "POST", f"/changes/{change}/revert", json=WHY)
        assert (answer.status_code, answer.json()["written"], await value(ask)) == (202, False, 20)
        assert answer.json()["submitted"]["change"]["reverts"] == change
        back = await finished(answer.json()["submitted"])
        assert await value(ask) == 10
        assert (await ask("ada", "POST", f"/changes/{back}/revert", json=WHY)).status_code == 202

    async def test_of_what_was_touched_since_is_409_with_both_sides(self, ask: Any, limit: None, changed: Any) -> None:
        change = await changed(20, 0)
        await changed(30, 1)
        refused = await ask("ada", "POST", f"/changes/{change}/revert", json=WHY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/touched-since")
        (told,) = refused.json()["keys"]
        assert told["lines"] == [{"path": "/value", "theirs": 30, "collides": True}]
        left = await ask("ada", "POST", f"/changes/{change}/revert", json={**WHY, "merge": True})
        assert (left.status_code, left.json()["type"]) == (409, "/problems/nothing-left")

    async def test_asked_twice_with_one_key_is_one_change(self, ask: Any, limit: None, changed: Any) -> None:
        change = await changed(20, 0)
        asked = [
            await ask("ada", "POST", f"/changes/{change}/revert", json=WHY, headers={"Idempotency-Key": "back"})
            for _ in range(2)
        ]
        assert asked[0].json() == asked[1].json()
        assert len((await ask("eve", "GET", "/changes")).json()["items"]) == 2

    async def test_of_what_has_not_succeeded_is_409(self, ask: Any, limit: None) -> None:
        put = await ask("ada", "PUT", f"/settings/upload.limit{AT}", json={"value": 1, **WHY},
                        headers={"If-Match": '"v0"'})  # fmt: skip
        change = put.json()["submitted"]["change"]["id"]
        refused = await ask("ada", "POST", f"/changes/{change}/revert", json=WHY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-succeeded")


class TestMeanings:
    @pytest.mark.req("FR-SM-001")
    async def test_of_a_key_wait_and_are_shown_to_who_approves(self, ask: Any, limit: None, finished: Any) -> None:
        wish = {"definition": {**LIMIT, "default": 11, "financial": True}, **WHY}
        answer = await ask("ada", "PUT", "/setting-definitions/upload.limit", json=wish, headers={"If-Match": '"v1"'})
        assert (answer.status_code, answer.json()["levels"]) == (202, 2)
        waiting = (await ask("bob", "GET", "/approvals/pending")).json()["items"]
        reach = {"scopes": 1, "leaves": 4, "tenant_wide": True, "sensitivities": ["internal"], "financial": True,
                 "tenants": 1, "tenant_share": 0.0}  # fmt: skip
        assert [each["change"]["reach"] for each in waiting] == [reach]
        assert waiting[0]["change"]["target"]["kind"] == "setting-definition"
        change = await finished(answer.json())
        read = await ask("eve", "GET", "/setting-definitions/upload.limit")
        assert (read.headers["ETag"], await value(ask)) == ('"v2"', 11)
        diff = (await ask("eve", "GET", f"/changes/{change}/diff")).json()
        assert [line["path"] for line in diff["changes"]] == ["/default", "/financial"]

    @pytest.mark.req("FR-SM-004")
    async def test_of_rules_wait(self, ask: Any, limit: None, finished: Any) -> None:
        small = {"kind": "range", "name": "small", "key": "upload.limit", "at_most": 50}
        wish = {"rules": [small], **WHY}
        answer = await ask("ada", "PUT", "/setting-rules", json=wish, headers={"If-Match": '"v0"'})
        assert (answer.status_code, answer.json()["change"]["target"]["kind"]) == (202, "setting-rules")
        await finished(answer.json())
        assert (await ask("eve", "GET", "/setting-rules")).headers["ETag"] == '"v1"'


@pytest.mark.req("FR-CFG-005")
class TestPolicyByReach:
    async def test_asks_where_a_rule_says_so(self, ask: Any, define: Any) -> None:
        await define(**LIMIT)
        await define(key="vat.rate", type="number", financial=True)
        rules = [{"when": {"financial": True}, "levels": [{"roles": ["FinanceController"]}]}]
        policy = {"policy": {"levels": [], "rules": rules}, **WHY}
        set_ = await ask("root", "PUT", "/policies/dev?kind=setting", json=policy, headers={"If-Match": '"v0"'})
        assert set_.json()["policy"]["rules"][0]["when"] == {"financial": True}
        free = await ask("ada", "PUT", "/settings/upload.limit?environment=dev", json={"value": 5, **WHY},
                         headers={"If-Match": '"v0"'})  # fmt: skip
        assert free.status_code == 200
        asked = await ask("ada", "PUT", "/settings/vat.rate?environment=dev", json={"value": 0.2, **WHY},
                          headers={"If-Match": '"v0"'})  # fmt: skip
        assert (asked.status_code, asked.json()["levels"], asked.json()["reach"]["financial"]) == (202, 1, True)
        read = (await ask("eve", "GET", f"/approvals/{asked.json()['submitted']['approval']}")).json()
        assert [level["roles"] for level in read["levels"]] == [["FinanceController"]]

    async def test_whose_rule_is_none_is_422_where_it_is_wrong(self, ask: Any) -> None:
        policy = {"policy": {"rules": [{"when": {}, "levels": [{}]}]}, **WHY}
        answer = await ask("root", "PUT", "/policies/dev?kind=setting", json=policy, headers={"If-Match": '"v0"'})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/policy/rules/0/when")
