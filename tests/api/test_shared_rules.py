from typing import Any

import pytest

RULES = {"staff": {"ends_with": [{"var": "email"}, "@example.test"]}}
FLAG: dict[str, Any] = {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
    "targeting": {"if": [{"$ref": "staff"}, "on", None]},
}  # fmt: skip
WHY = {"reason": "because of the test"}
DEV, PRODUCTION = "/evaluators?environment=dev", "/evaluators?environment=production"
FIRST = {"If-Match": '"v0"'}
ADA = {"context": {"targetingKey": "u", "email": "ada@example.test"}}


@pytest.fixture
async def staff(ask: Any) -> None:
    """The rule, and a flag that names it."""
    wish = {"evaluators": RULES, **WHY}
    assert (await ask("ada", "PUT", DEV, json=wish, headers=FIRST)).status_code == 200
    made = await ask("ada", "POST", "/flags", json={"environment": "dev", "key": "till", "definition": FLAG, **WHY})
    assert made.status_code == 201, made.text


class TestSharedRules:
    async def test_anonymous_is_401_and_a_viewer_only_reads(self, ask: Any) -> None:
        assert (await ask(None, "GET", DEV)).status_code == 401
        assert (await ask("eve", "GET", DEV)).status_code == 200
        wish = {"evaluators": RULES, **WHY}
        assert (await ask("eve", "PUT", DEV, json=wish, headers=FIRST)).status_code == 403

    async def test_are_none_at_first(self, ask: Any) -> None:
        answer = await ask("eve", "GET", DEV)
        assert (answer.headers["ETag"], answer.json()["version"], answer.json()["evaluators"]) == ('"v0"', 0, {})

    async def test_serve_every_flag_that_names_them(self, ask: Any, staff: None, eventually: Any) -> None:
        async def served() -> Any:
            answer = await ask("ada", "POST", "/flags/till/evaluate?environment=dev", json=ADA)
            return answer.json()["value"]

        assert await served() is True
        wish = {"evaluators": {"staff": {"==": [{"var": "email"}, "bob@example.test"]}}, **WHY}
        changed = await ask("ada", "PUT", DEV, json=wish, headers={"If-Match": '"v1"'})
        assert (changed.status_code, changed.headers["ETag"]) == (200, '"v2"')

        async def off() -> bool:
            return await served() is False

        await eventually(off)
        versions = (await ask("eve", "GET", "/evaluators/versions?environment=dev")).json()["items"]
        assert [rules["version"] for rules in versions] == [2, 1]

    async def test_are_no_flag(self, ask: Any, staff: None) -> None:
        flags = (await ask("eve", "GET", "/flags?environment=dev")).json()["items"]
        assert [flag["key"] for flag in flags] == ["till"]
        assert (await ask("eve", "GET", "/flags/$evaluators?environment=dev")).status_code == 422

    async def test_one_that_a_flag_names_cannot_go(self, ask: Any, staff: None) -> None:
        wish = {"evaluators": {"others": {"var": "email"}}, **WHY}
        answer = await ask("ada", "PUT", DEV, json=wish, headers={"If-Match": '"v1"'})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
        (fault,) = answer.json()["faults"]
        assert fault["path"] == "/evaluators"
        assert fault["message"].startswith("the flag till would not be valid any more: /targeting/if/0")

    async def test_a_flag_names_only_what_is_there(self, ask: Any) -> None:
        wish = {"environment": "dev", "key": "till", "definition": FLAG, **WHY}
        answer = await ask("ada", "POST", "/flags", json=wish)
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/definition/targeting/if/0/$ref")

    async def test_faults_point_into_the_body(self, ask: Any) -> None:
        wish = {"evaluators": {"staff": {"no_such": []}}, **WHY}
        answer = await ask("ada", "PUT", DEV, json=wish, headers=FIRST)
        assert answer.json()["faults"][0]["path"].startswith("/evaluators/staff")

    async def test_a_write_over_another_version_is_412_and_one_without_is_428(self, ask: Any, staff: None) -> None:
        wish = {"evaluators": {}, **WHY}
        assert (await ask("ada", "PUT", DEV, json={"evaluators": RULES, **WHY}, headers=FIRST)).status_code == 412
        assert (await ask("ada", "PUT", DEV, json=wish)).status_code == 428

    async def test_the_same_again_is_422(self, ask: Any, staff: None) -> None:
        wish = {"evaluators": RULES, **WHY}
        answer = await ask("ada", "PUT", DEV, json=wish, headers={"If-Match": '"v1"'})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/nothing-changes")

    async def test_leave_their_event(self, ask: Any, staff: None) -> None:
        rows = (await ask("aud", "GET", "/audit-logs?action=flagset:evaluators:changed")).json()["items"]
        assert [row["after"]["definition"] for row in rows] == [RULES]

    async def test_go_the_way_of_a_change_where_approval_is_asked_for(self, ask: Any) -> None:
        wish = {"evaluators": RULES, **WHY}
        answer = await ask("ada", "PUT", PRODUCTION, json=wish, headers=FIRST)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/approval-required")
        change = {"environment": "production", "key": "$evaluators", "definition": RULES, "base_version": 0, **WHY}
        begun = await ask("ada", "POST", "/rollouts", json={**change, "plan": {"strategy": "direct"}})
        assert (begun.status_code, begun.json()["change"]["target"]["key"]) == (201, "$evaluators")
        other = await ask("ada", "POST", "/rollouts", json={**change, "plan": {"strategy": "direct"}})
        assert (other.status_code, other.json()["rollout"]["state"]) == (201, "AWAITING_APPROVAL")

    async def test_have_no_canary(self, ask: Any) -> None:
        change = {"environment": "production", "key": "$evaluators", "definition": RULES, "base_version": 0, **WHY}
        answer = await ask("ada", "POST", "/changes", json={**change, "plan": {"strategy": "canary"}})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/plan/strategy")
