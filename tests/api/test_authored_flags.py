"""An authored flag is written and shown as its author wrote it, and evaluated as what that means."""

from typing import Any

import pytest

WHY = {"reason": "because of the test"}
SEGMENTS: dict[str, Any] = {
    "beta": {"segment": {"description": "who helps us", "owner": "shop", "include": ["ivy"]}},
    "staff": {"segment": {"when": {"attribute": "email", "endsWith": ["@example.test"]}}},
    "old": {"==": [{"var": "plan"}, "old"]},
}
FLAG: dict[str, Any] = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "authoring": {
        "description": "The new checkout.", "owner": "shop", "tags": ["checkout", "q4"], "off": "off",
        "force": {"attribute": "tenant", "off": ["acme"], "on": ["globex"]},
        "targets": {"off": ["eve"]},
        "rules": [{"when": {"segment": "beta"}, "serve": "on"}],
        "serve": "off",
    },
}  # fmt: skip
RAISED = {**FLAG, "authoring": {**FLAG["authoring"], "serve": "on"}}
HERE = "/flags/till?environment=dev"


@pytest.fixture
async def authored(ask: Any) -> dict[str, Any]:
    """The flag, and the segment that it names."""
    wish = {"evaluators": SEGMENTS, **WHY}
    written = await ask("ada", "PUT", "/evaluators?environment=dev", json=wish, headers={"If-Match": '"v0"'})
    assert (written.status_code, written.json()["evaluators"]) == (200, SEGMENTS)
    made = await ask("ada", "POST", "/flags", json={"environment": "dev", "key": "till", "definition": FLAG, **WHY})
    assert made.status_code == 201, made.text
    return dict(made.json())


@pytest.mark.req("FR-SM-010", "FR-SM-012")
class TestAuthoredFlag:
    async def test_is_shown_as_written_and_evaluated_as_meant(self, ask: Any, authored: Any, eventually: Any) -> None:
        assert (await ask("eve", "GET", HERE)).json()["definition"] == FLAG

        async def given(**context: Any) -> Any:
            answer = await ask("ada", "POST", "/flags/till/evaluate?environment=dev", json={"context": context})
            return answer.json()["value"], answer.json()["metadata"].get("tags")

        async def known() -> bool:
            return bool(await given(targetingKey="ivy") == (True, "checkout,q4"))

        await eventually(known)
        assert (await given(targetingKey="ivy", tenant="acme"))[0] is False
        assert (await given(targetingKey="eve", tenant="globex"))[0] is True
        assert (await given(targetingKey="zoe"))[0] is False

    @pytest.mark.req("FR-SM-011")
    async def test_is_replaced_over_the_version_that_was_seen(self, ask: Any, authored: Any) -> None:
        wish = {"definition": RAISED, **WHY}
        done = await ask("ada", "PUT", HERE, json=wish, headers={"If-Match": '"v1"'})
        assert (done.status_code, done.json()["definition"], done.json()["version"]) == (200, RAISED, 2)
        late = await ask("ada", "PUT", HERE, json={"definition": FLAG, **WHY}, headers={"If-Match": '"v1"'})
        assert late.status_code == 412
        again = await ask("ada", "PUT", HERE, json=wish, headers={"If-Match": '"v2"'})
        assert (again.status_code, again.json()["type"]) == (422, "/problems/nothing-changes")

    @pytest.mark.req("FR-SM-041")
    async def test_is_published_in_the_form_of_flagd(self, ask: Any, authored: Any) -> None:
        answer = (await ask("eve", "GET", "/flags/till/published?environment=dev")).json()
        rule = {"if": [
            {"in": [{"var": "tenant"}, ["acme"]]}, "off", {"in": [{"var": "tenant"}, ["globex"]]}, "on",
            {"in": [{"var": "targetingKey"}, ["eve"]]}, "off", {"$ref": "beta"}, "on",
        ]}  # fmt: skip
        about = {"description": "The new checkout.", "owner": "shop", "tags": "checkout,q4", "off": "off"}
        assert answer["definition"] == {
            "state": "ENABLED", "variants": FLAG["variants"], "defaultVariant": "off",
            "targeting": rule, "metadata": about,
        }  # fmt: skip
        assert answer["evaluators"] == {"beta": {"in": [{"var": "targetingKey"}, ["ivy"]]}}
        assert (await ask("eve", "GET", "/flags/none/published?environment=dev")).status_code == 404

    async def test_faults_point_into_the_body(self, ask: Any) -> None:
        wrong = {**FLAG, "authoring": {**FLAG["authoring"], "serve": "none"}}
        wish = {"environment": "dev", "key": "till", "definition": wrong, **WHY}
        answer = await ask("ada", "POST", "/flags", json=wish)
        paths = [fault["path"] for fault in answer.json()["faults"]]
        assert answer.status_code == 422
        assert paths == ["/definition/authoring/rules/0/when/segment", "/definition/authoring/serve"]

    @pytest.mark.req("FR-SM-013")
    async def test_killed_it_serves_the_safe_variant_and_keeps_its_owner(self, ask: Any, authored: Any) -> None:
        killed = await ask("root", "POST", "/flags/till/kill?environment=dev", json=WHY)
        definition = killed.json()["flag"]["definition"]
        assert definition.keys() == {"state", "variants", "defaultVariant", "metadata"}
        assert (definition["defaultVariant"], definition["metadata"]["owner"]) == ("off", "shop")

    async def test_is_proposed_as_a_change(self, ask: Any) -> None:
        wish = {"environment": "production", "key": "till", "base_version": 0, "plan": {"strategy": "direct"}, **WHY}
        plainly = {**FLAG, "authoring": {**FLAG["authoring"], "rules": [{"when": {"users": ["ivy"]}, "serve": "on"}]}}
        proposed = await ask("ada", "POST", "/changes", json={**wish, "definition": plainly})
        assert (proposed.status_code, proposed.json()["definition"]) == (201, plainly)


@pytest.mark.req("FR-SM-012")
class TestSegments:
    async def test_are_listed_with_the_flags_that_name_them(self, ask: Any, authored: Any) -> None:
        listed = (await ask("eve", "GET", "/segments?environment=dev&limit=1")).json()
        beta = {"name": "beta", "description": "who helps us", "owner": "shop", "flags": ["till"]}
        assert listed["items"] == [beta]
        rest = (await ask("eve", "GET", f"/segments?environment=dev&cursor={listed['next_cursor']}")).json()
        assert rest == {
            "items": [{"name": "staff", "description": None, "owner": None, "flags": []}], "next_cursor": None,
        }  # fmt: skip

    async def test_one_that_a_flag_names_cannot_go(self, ask: Any, authored: Any) -> None:
        wish = {"evaluators": {"staff": SEGMENTS["staff"]}, **WHY}
        answer = await ask("ada", "PUT", "/evaluators?environment=dev", json=wish, headers={"If-Match": '"v1"'})
        (fault,) = answer.json()["faults"]
        assert (answer.status_code, fault["path"]) == (422, "/evaluators")
        assert fault["message"].startswith("the flag till would not be valid any more: /authoring/rules/0/when/segment")
