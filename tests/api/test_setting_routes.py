"""Settings over HTTP, on the real database: scenarios 71 to 74, 78, 79 and 83 as a person would drive them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

WHY = {"reason": "because of the test"}
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant", "company", "user"],
         "nullable": True, "description": "Megabytes in one upload"}  # fmt: skip
NONE, FIRST = {"If-Match": '"v0"'}, {"If-Match": '"v1"'}
COMPANY, ADA = "company:de", "company:de/user:ada"


def at(scope: str, key: str = "upload.limit", what: str = "", environment: str = "dev") -> str:
    return f"/settings/{key}{what}?environment={environment}&scope={scope}"


@pytest.fixture
async def limit(define: Any) -> None:
    await define(**LIMIT)


@pytest.fixture
def say(ask: Any) -> Any:
    async def said(scope: str, value: Any, version: int = 0, key: str = "upload.limit", **more: Any) -> Any:
        wish = {"value": value, **WHY, **more}
        return await ask("ada", "PUT", at(scope, key), json=wish, headers={"If-Match": f'"v{version}"'})

    return said


@pytest.fixture
def value(ask: Any) -> Any:
    async def asked(scope: str, key: str = "upload.limit", as_of: datetime | None = None) -> Any:
        moment = f"&as_of={as_of.isoformat().replace('+00:00', 'Z')}" if as_of else ""
        answer = await ask("eve", "GET", at(scope, key, "/effective") + moment)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    return asked


@pytest.mark.req("FR-SM-001")
class TestDefinitions:
    async def test_anonymous_is_401_and_a_viewer_only_reads(self, ask: Any, limit: None) -> None:
        assert (await ask(None, "GET", "/setting-definitions")).status_code == 401
        assert (await ask("eve", "GET", "/setting-definitions/upload.limit")).status_code == 200
        denied = await ask("eve", "POST", "/setting-definitions", json={"definition": LIMIT, **WHY})
        assert denied.status_code == 403

    async def test_is_created_read_and_listed(self, ask: Any, limit: None) -> None:
        read = await ask("eve", "GET", "/setting-definitions/upload.limit")
        assert (read.headers["ETag"], read.json()["definition"]["default"]) == ('"v1"', 10)
        listed = (await ask("eve", "GET", "/setting-definitions")).json()["items"]
        assert [each["key"] for each in listed] == ["upload.limit"]

    @pytest.mark.req("ST78")
    async def test_a_key_of_another_form_is_422(self, ask: Any) -> None:
        answer = await ask("ada", "POST", "/setting-definitions", json={"definition": {**LIMIT, "key": "1abc"}, **WHY})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/definition/key")

    async def test_the_same_key_twice_is_409(self, ask: Any, limit: None) -> None:
        answer = await ask("ada", "POST", "/setting-definitions", json={"definition": LIMIT, **WHY})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/definition-exists")

    async def test_a_new_one_is_tried_against_every_value(self, ask: Any, limit: None, say: Any) -> None:
        await say(ADA, 99)
        schema = {**LIMIT, "schema": {"maximum": 50}}
        wish = {"definition": schema, **WHY}
        answer = await ask("ada", "PUT", "/setting-definitions/upload.limit", json=wish, headers=FIRST)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/incompatible-definition")
        assert "user:ada" in answer.json()["conflicts"][0]

    async def test_words_may_change_where_policy_asks_for_approval_and_the_default_may_not(
        self, ask: Any, limit: None
    ) -> None:
        wish = {"definition": {**LIMIT, "description": "MB"}, **WHY}
        worded = await ask("ada", "PUT", "/setting-definitions/upload.limit", json=wish, headers=FIRST)
        assert (worded.status_code, worded.headers["ETag"]) == (200, '"v2"')
        wish = {"definition": {**LIMIT, "description": "MB", "default": 11}, **WHY}
        answer = await ask("ada", "PUT", "/setting-definitions/upload.limit", json=wish, headers={"If-Match": '"v2"'})
        assert (answer.status_code, answer.json()["rollout"]["state"]) == (202, "AWAITING_APPROVAL")
        versions = (await ask("eve", "GET", "/setting-definitions/upload.limit/versions")).json()["items"]
        assert [each["version"] for each in versions] == [2, 1]


@pytest.mark.req("FR-SM-003")
class TestHierarchy:
    @pytest.mark.req("ST71")
    async def test_the_narrowest_that_says_something_wins(self, ask: Any, limit: None, say: Any, value: Any) -> None:
        assert await value(ADA) == 10
        assert (await say("", 20)).status_code == 200
        assert await value(ADA) == 20
        trace = (await ask("eve", "GET", at(ADA, what="/explain"))).json()["trace"]
        assert [(line["level"], line["state"]) for line in trace] == [
            ("default", "default"), ("", "set"), (COMPANY, "none"), (ADA, "none"),
        ]  # fmt: skip
        await say(ADA, 30)
        assert await value(ADA) == 30
        gone = await ask("ada", "DELETE", at(ADA) + "&reason=not+needed", headers=FIRST)
        assert gone.json()["entries"][0]["state"] == "unset"
        assert await value(ADA) == 20
        await say(ADA, None, 2)
        assert await value(ADA) is None

    async def test_every_environment_has_its_own(self, limit: None, say: Any, ask: Any) -> None:
        await say("", 20)
        answer = await ask("eve", "GET", at("", what="/effective", environment="qa"))
        assert (answer.json()["value"], answer.json()["winner"]) == (10, "default")

    @pytest.mark.req("ST72")
    async def test_an_enforced_value_shadows_and_refuses_and_lets_go_again(
        self, limit: None, say: Any, value: Any
    ) -> None:
        await say(ADA, 30)
        enforced = await say("", 20, enforced=True)
        assert enforced.json()["affected"] == [{"key": "upload.limit", "scope": ADA, "how": "shadowed", "by": ""}]
        refused = await say(ADA, 31, 1)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/setting-enforced")
        assert (refused.json()["by"], refused.json()["reason"]) == ("", WHY["reason"])
        assert await value(ADA) == 20
        await say("", 20, 1)
        assert await value(ADA) == 30

    @pytest.mark.req("ST74")
    async def test_a_ceiling_binds_those_below(self, ask: Any, limit: None, say: Any, value: Any) -> None:
        await say("", 50, constraint={"maximum": 100})
        above = await say(COMPANY, 150)
        assert (above.status_code, above.json()["type"]) == (422, "/problems/out-of-policy")
        assert above.json()["faults"][0]["path"] == "/value"
        await say(COMPANY, 80)
        items = [{"key": "upload.limit", "value": 40, "constraint": {"maximum": 50}}]
        dry = await ask(
            "ada", "POST", "/settings/bulk", json={"environment": "dev", "items": items, "dry_run": True, **WHY}
        )
        assert [(each["scope"], each["how"]) for each in dry.json()["affected"]] == [(COMPANY, "clamped")]
        assert await value(COMPANY) == 80
        await say("", 40, 1, constraint={"maximum": 50})
        assert await value(COMPANY) == 50


class TestValues:
    @pytest.mark.req("ST78", "FR-SM-004")
    async def test_are_of_their_type(self, define: Any, say: Any, limit: None) -> None:
        await define(key="dark", type="boolean")
        answer = await say("", "false", key="dark")
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/value")
        assert (await say("", 1, key="no.such.key")).status_code == 404
        assert (await say("site:x", 1)).json()["faults"][0]["path"] == "/scope"

    async def test_of_an_unknown_key_are_404(self, ask: Any) -> None:
        assert (await ask("eve", "GET", at("", "no.such.key", "/effective"))).status_code == 404

    async def test_are_bounded_by_what_they_could_be(self, limit: None, say: Any) -> None:
        answer = await say("", 1, constraint={"maximum": 2.5, "denied": [3, "x"]})
        assert {fault["path"] for fault in answer.json()["faults"]} == {"/constraint/maximum", "/constraint/denied/1"}

    @pytest.mark.req("ST83")
    async def test_are_written_over_what_was_seen(self, ask: Any, limit: None, say: Any) -> None:
        await say("", 20)
        stale = await say("", 21)
        assert (stale.status_code, stale.json()["type"], stale.json()["version"]) == (412, "/problems/stale", 1)
        read = await ask("eve", "GET", at(""))
        assert (read.headers["ETag"], read.json()["entries"][0]["value"]) == ('"v1"', 20)
        missing = await ask("ada", "PUT", at(""), json={"value": 1, **WHY})
        assert missing.status_code == 428

    async def test_wait_for_approval_where_policy_asks_for_it(self, ask: Any, limit: None) -> None:
        wish = {"value": 1, **WHY}
        answer = await ask("ada", "PUT", at("", environment="production"), json=wish, headers=NONE)
        assert (answer.status_code, answer.json()["entries"]) == (202, [])
        submitted = answer.json()["submitted"]
        assert (submitted["standing"], submitted["levels"]) == ("PENDING", 2)
        change = (await ask("eve", "GET", f"/changes/{submitted['approval']}")).json()
        assert (change["target"]["kind"], change["target"]["key"]) == ("setting", "#upload.limit")
        assert [target["content"]["value"] for target in change["targets"]] == [1]
        pending = (await ask("bob", "GET", "/approvals/pending")).json()["items"]
        assert [each["id"] for each in pending] == [submitted["approval"]]
        nothing = await ask("eve", "GET", at("", what="/effective", environment="production"))
        assert nothing.json()["value"] == 10

    async def test_that_wait_are_asked_for_once(self, ask: Any, limit: None) -> None:
        wish, headers = {"value": 1, **WHY}, {**NONE, "Idempotency-Key": "order-66"}
        first = await ask("ada", "PUT", at("", environment="production"), json=wish, headers=headers)
        again = await ask("ada", "PUT", at("", environment="production"), json=wish, headers=headers)
        assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)


@pytest.mark.req("FR-SM-032")
class TestVersions:
    async def test_are_compared(self, limit: None, say: Any, ask: Any) -> None:
        await say("", 20)
        await say("", 30, 1, enforced=True)
        answer = await ask("eve", "GET", at("", what="/diff") + "&from=1&to=2")
        assert answer.json()["changes"] == [
            {"op": "added", "path": "/enforced", "after": True},
            {"op": "changed", "path": "/value", "before": 20, "after": 30},
        ]
        assert (await ask("eve", "GET", at("", what="/diff") + "&from=1&to=9")).status_code == 404

    @pytest.mark.req("ST83")
    async def test_an_earlier_one_is_written_again_over_what_was_seen(self, limit: None, say: Any, ask: Any) -> None:
        await say("", 20, constraint={"maximum": 50})
        await say("", 30, 1)
        wish = {"to_version": 1, **WHY}
        stale = await ask("ada", "POST", at("", what="/rollback"), json=wish, headers=FIRST)
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale")
        back = await ask("ada", "POST", at("", what="/rollback"), json=wish, headers={"If-Match": '"v2"'})
        entry = back.json()["entries"][0]
        assert (entry["version"], entry["value"], entry["constraint"]) == (3, 20, {"maximum": 50})


@pytest.mark.req("ST79")
class TestTime:
    async def test_a_plan_takes_effect_and_the_past_stays(self, limit: None, say: Any, value: Any, ask: Any) -> None:
        await say("", 20)
        now, noon = datetime.now(UTC), datetime(2126, 7, 1, tzinfo=UTC)
        planned = await say("", 30, 1, effective_at="2126-07-01T00:00:00Z")
        assert planned.status_code == 200, planned.text
        assert await value("", as_of=noon - timedelta(microseconds=1)) == 20
        assert await value("", as_of=noon) == 30
        assert await value("", as_of=now - timedelta(days=1)) == 10
        twice = await say("", 40, 2, effective_at="2126-07-01T00:00:00Z")
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/schedule-overlaps")
        path = at("", what="/cancel") + "&reason=not+needed"
        cancelled = await ask("ada", "POST", path, headers={"If-Match": '"v2"'})
        assert cancelled.status_code == 200, cancelled.text
        assert await value("", as_of=noon) == 20

    async def test_the_past_is_not_written(self, limit: None, say: Any) -> None:
        answer = await say("", 20, effective_at="2020-01-01T00:00:00Z")
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/effective_at")

    async def test_what_expires_gives_way_to_what_was_there(self, limit: None, say: Any, value: Any) -> None:
        await say("", 20)
        await say("", 99, 1, expires_at="2126-07-01T00:00:00Z")
        assert await value("") == 99
        assert await value("", as_of=datetime(2126, 7, 1, tzinfo=UTC)) == 20
