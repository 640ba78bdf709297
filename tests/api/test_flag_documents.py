"""Documents of flags over HTTP, on the real database: looked at, written at once, or submitted as a change."""

import json
from pathlib import Path
from typing import Any

import pytest

WHY = {"reason": "because of the test"}
DOCUMENTS, DEV = "/flag-documents", "environment=dev"
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NUMBER: dict[str, Any] = {"state": "ENABLED", "variants": {"low": 1.0, "high": 2.5}, "defaultVariant": "low"}
RULED = {**FLAG, "targeting": {"if": [{"$ref": "staff"}, "on"]}}
STAFF = {"ends_with": [{"var": "email"}, "@example.com"]}
WHOLE = {"flags": {"ruled": RULED, "number": NUMBER}, "$evaluators": {"staff": STAFF}}
EXPORTS = Path(__file__).parents[1] / "unit" / "flags" / "exports"
THEIRS = json.loads((EXPORTS / "launchdarkly.json").read_text())["document"]


@pytest.fixture
def bring(ask: Any) -> Any:
    async def brought(document: Any, tool: str = "flagd", environment: str = "dev", **more: Any) -> Any:
        wish = {"environment": environment, "format": tool, "document": document, **WHY, **more}
        return await ask("ada", "POST", DOCUMENTS, json=wish)

    return brought


def ops(answer: Any) -> dict[str, str]:
    assert answer.status_code in {200, 202}, answer.text
    return {step["key"]: step["op"] for step in answer.json()["flags"]}


@pytest.mark.req("FI1")
class TestFlagd:
    async def test_comes_in_and_goes_out_without_loss(self, ask: Any, bring: Any, house: Any) -> None:
        done = await bring(WHOLE)
        assert (done.status_code, done.json()["outcome"]) == (200, "applied"), done.text
        assert ops(done) == {"$evaluators": "added", "ruled": "added", "number": "added"}
        out = await ask("eve", "GET", f"{DOCUMENTS}?{DEV}")
        document = out.json()
        about = {"flagSetId": f"{house.tenant.slug}/dev", "version": 1, "bucketing": "v3"}
        assert json.dumps(document["flags"], sort_keys=True) == json.dumps(WHOLE["flags"], sort_keys=True)
        assert (document["$evaluators"], document["metadata"]) == (WHOLE["$evaluators"], about)
        again = await bring(document)
        assert (again.json()["outcome"], again.json()["equal"], ops(again)) == ("no_changes", 3, {})
        assert (await ask("eve", "GET", f"{DOCUMENTS}?{DEV}")).headers["ETag"] == out.headers["ETag"]

    async def test_each_flag_has_its_event(self, ask: Any, bring: Any) -> None:
        await bring(WHOLE)
        for action in ("flag:definition:created", "flagset:evaluators:changed"):
            (told, *_) = (await ask("aud", "GET", f"/audit-logs?action={action}")).json()["items"]
            assert told["reason"] == WHY["reason"]

    async def test_what_the_document_does_not_have_stays(self, ask: Any, bring: Any) -> None:
        await bring(WHOLE)
        more = {"flags": {"other": FLAG, "number": {**NUMBER, "defaultVariant": "high"}}, "$evaluators": {"all": True}}
        planned = await bring(more, dry_run=True)
        assert ops(planned) == {"$evaluators": "changed", "number": "changed", "other": "added"}
        (number,) = [step for step in planned.json()["flags"] if step["key"] == "number"]
        assert (number["before"]["defaultVariant"], number["after"]["defaultVariant"]) == ("low", "high")
        assert (await bring(more)).json()["outcome"] == "applied"
        document = (await ask("eve", "GET", f"{DOCUMENTS}?{DEV}")).json()
        assert document["flags"].keys() == {"ruled", "number", "other"}
        assert document["$evaluators"] == {"staff": STAFF, "all": True}

    async def test_a_shared_rule_that_breaks_a_flag_is_refused_whole(self, ask: Any, bring: Any) -> None:
        refused = await bring({**WHOLE, "flags": {"f": {**FLAG, "targeting": {"$ref": "nobody"}}}})
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/document/flags/f/targeting/$ref")
        assert (await ask("eve", "GET", f"{DOCUMENTS}?{DEV}")).json()["flags"] == {}

    async def test_no_flag_comes_in_as_archived(self, bring: Any) -> None:
        refused = await bring({"flags": {"f": {**FLAG, "metadata": {"archived": True}}}})
        told = refused.json()["faults"][0]["path"]
        assert (refused.status_code, told) == (422, "/document/flags/f/metadata/archived")

    async def test_the_same_request_is_carried_out_once(self, ask: Any) -> None:
        wish = {"environment": "dev", "format": "flagd", "document": WHOLE, **WHY}
        once, twice = [
            await ask("ada", "POST", DOCUMENTS, json=wish, headers={"Idempotency-Key": "import"}) for _ in range(2)
        ]
        assert (once.json(), twice.headers["Idempotency-Replayed"]) == (twice.json(), "true")


@pytest.mark.req("FI2")
class TestOtherTools:
    async def test_what_cannot_be_said_keeps_the_rest_out(self, ask: Any, bring: Any) -> None:
        planned = (await bring(THEIRS, "launchdarkly", dry_run=True)).json()
        assert (planned["outcome"], planned["needs_approval"]) == ("planned", False)
        lost = [each for each in planned["reports"] if each["fidelity"] == "untranslated"]
        refused = await bring(THEIRS, "launchdarkly")
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/flags-untranslated")
        assert [fault["path"] for fault in refused.json()["faults"]] == [each["path"] for each in lost]
        assert (await ask("eve", "GET", f"/flags?{DEV}")).json()["items"] == []

    async def test_unless_it_is_left_out_on_purpose(self, ask: Any, bring: Any) -> None:
        done = await bring(THEIRS, "launchdarkly", allow_partial=True)
        assert (done.status_code, done.json()["outcome"]) == (200, "applied"), done.text
        listed = (await ask("eve", "GET", f"/flags?{DEV}")).json()["items"]
        assert {flag["key"] for flag in listed} == ops(done).keys() - {"$evaluators"}
        wish = {"context": {"targetingKey": "ann"}}
        told = (await ask("eve", "POST", f"/flags/theme/evaluate?{DEV}", json=wish)).json()
        assert (told["value"], told["variant"]) == ("dark", "Dark")

    async def test_or_others_are_named(self, bring: Any) -> None:
        done = await bring(THEIRS, "launchdarkly", keys=["simple", "theme"])
        assert ops(done) == {"simple": "added", "theme": "added"}
        unknown = await bring(THEIRS, "launchdarkly", keys=["nowhere"])
        assert (unknown.status_code, unknown.json()["faults"][0]["path"]) == (422, "/keys")

    async def test_faults_of_a_document_point_into_the_body(self, bring: Any) -> None:
        refused = await bring({"items": [{"key": "f", "variations": 1, "environments": {}}]}, "launchdarkly")
        paths = [fault["path"] for fault in refused.json()["faults"]]
        assert (refused.status_code, paths) == (422, ["/document/items/0/variations"])

    async def test_who_may_not_write_flags_may_not_import_any(self, ask: Any) -> None:
        wish = {"environment": "dev", "format": "flagd", "document": WHOLE, "dry_run": True, **WHY}
        answer = await ask("eve", "POST", DOCUMENTS, json=wish)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/permission-missing")


@pytest.mark.req("FI3")
class TestPolicy:
    async def test_shared_rules_are_submitted_first(self, ask: Any, bring: Any) -> None:
        planned = (await bring(WHOLE, environment="production", dry_run=True)).json()
        assert (planned["outcome"], planned["needs_approval"]) == ("planned", True)
        done = await bring(WHOLE, environment="production")
        told = done.json()
        assert (done.status_code, told["outcome"], sorted(told["waiting"])) == (202, "submitted", ["number", "ruled"])
        change = (await ask("ada", "GET", f"/changes/{told['submitted']['change']['id']}")).json()
        assert [(each["key"], each["content"]) for each in change["targets"]] == [("$evaluators", {"staff": STAFF})]
        assert (await ask("eve", "GET", "/flags?environment=production")).json()["items"] == []

    async def test_flags_are_one_change(self, ask: Any, bring: Any) -> None:
        done = await bring(THEIRS, "launchdarkly", "production", keys=["simple", "theme"])
        told = done.json()
        assert (done.status_code, told["outcome"], told["waiting"]) == (202, "submitted", []), done.text
        change = (await ask("ada", "GET", f"/changes/{told['submitted']['change']['id']}")).json()
        assert [(each["key"], each["base_version"]) for each in change["targets"]] == [("simple", 0), ("theme", 0)]
        assert (await ask("eve", "GET", "/flags?environment=production")).json()["items"] == []

    async def test_what_may_only_be_rolled_out_is_not_replaced(self, ask: Any, bring: Any) -> None:
        wish = {"policy": {"strategies": ["canary"]}, **WHY}
        await ask("root", "PUT", "/rollout-policies/dev/flag", json=wish, headers={"If-Match": '"v0"'})
        assert (await bring({"flags": {"f": FLAG}})).json()["outcome"] == "applied"
        refused = await bring({"flags": {"f": {**FLAG, "defaultVariant": "on"}, "g": FLAG}})
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/strategy-not-allowed")
        assert (await ask("eve", "GET", f"{DOCUMENTS}?{DEV}")).json()["flags"] == {"f": FLAG}

    async def test_a_change_holds_only_so_many(self, bring: Any) -> None:
        many = {"flags": {f"flag-{number}": FLAG for number in range(101)}}
        refused = await bring(many, environment="production", dry_run=True)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/too-many-for-one-change")
        assert len(ops(await bring(many, dry_run=True))) == 101
