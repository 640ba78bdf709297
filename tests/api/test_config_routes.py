"""Configs over HTTP, on the real database: made, listed, compared, rolled back and promoted."""

from typing import Any

import pytest

from tests.api.configs import KEY, TEXT, WHY, over, place


@pytest.mark.req("FR-CFG-002")
class TestConfig:
    async def test_anonymous_is_401_and_a_viewer_only_reads(self, ask: Any, make: Any) -> None:
        assert (await make()).status_code == 201
        assert (await ask(None, "GET", place())).status_code == 401
        assert (await ask("eve", "GET", place())).status_code == 200
        denied = await ask("eve", "PUT", place(), json={"value": "x", **WHY}, headers=over(1))
        assert denied.status_code == 403

    async def test_is_made_with_its_definition_and_first_value(self, ask: Any, make: Any) -> None:
        made = await make()
        assert (made.status_code, made.headers["ETag"], f"/configs/{made.json()['id']}") == (201, '"v1"', place())
        read = (await ask("eve", "GET", place())).json()
        assert (read["value"], read["version"], read["type"], read["tags"]) == ("stripe", 1, "string", ["billing"])
        as_setting = await ask("eve", "GET", f"/settings/{KEY}/effective?environment=dev")
        assert as_setting.json()["value"] == "stripe"
        twice = await make()
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/already-exists")

    async def test_that_does_not_fit_defines_nothing(self, ask: Any, make: Any) -> None:
        refused = await make(1)
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/value")
        refused = await make(definition={"type": "color"})
        assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "/definition/type")
        assert (await ask("eve", "GET", f"/setting-definitions/{KEY}")).status_code == 404

    async def test_is_written_over_what_was_seen(self, ask: Any, make: Any, put: Any) -> None:
        await make()
        missing = await ask("ada", "PUT", place(), json={"value": "x", **WHY})
        assert missing.status_code == 428
        assert (await put("paypal", 1)).headers["ETag"] == '"v2"'
        stale = await put("adyen", 1)
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale")
        wrong = await put(1, 2)
        assert (wrong.status_code, wrong.json()["faults"][0]["path"]) == (422, "/value")

    async def test_that_was_deleted_comes_back(self, ask: Any, make: Any, put: Any) -> None:
        await make()
        gone = await ask("ada", "DELETE", place() + "?reason=not+needed", headers=over(1))
        assert (gone.status_code, gone.headers["ETag"]) == (200, '"v2"')
        assert (await ask("eve", "GET", place())).status_code == 404
        versions = (await ask("eve", "GET", place(what="/versions?limit=1"))).json()
        assert [each["state"] for each in versions["items"]] == ["unset"]
        rest = await ask("eve", "GET", place(what=f"/versions?cursor={versions['next_cursor']}"))
        assert [each["version"] for each in rest.json()["items"]] == [1]
        assert (await put("adyen", 2)).status_code == 200
        assert (await ask("eve", "GET", place())).json()["value"] == "adyen"

    async def test_of_no_such_id_is_404(self, ask: Any) -> None:
        for path in ("/configs/nonsense", place(), place(what="/versions")):
            answer = await ask("eve", "GET", path)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/missing")

    async def test_waits_for_approval_where_policy_asks(self, ask: Any, make: Any) -> None:
        headers = {"Idempotency-Key": "first-in-production"}
        wish = {"environment": "production", "key": KEY, "value": "stripe", "definition": TEXT, **WHY}
        made = await ask("ada", "POST", "/configs", json=wish, headers=headers)
        assert (made.status_code, made.json()["entries"]) == (202, [])
        assert made.json()["submitted"]["standing"] == "PENDING"
        again = await ask("ada", "POST", "/configs", json=wish, headers=headers)
        assert (again.status_code, again.content) == (202, made.content)
        assert (await ask("eve", "GET", place("production"))).status_code == 404

    async def test_that_is_written_deleted_or_rolled_back_waits_for_approval_too(self, ask: Any, make: Any) -> None:
        policy = "/policies/staging?kind=setting"
        before = (await ask("root", "GET", policy)).json()["policy"]
        await ask("root", "PUT", policy, json={"policy": {"levels": []}, **WHY}, headers=over(0))
        for key in ("a", "b", "c"):
            assert (await make("x", "staging", key)).status_code == 201
        await ask("root", "PUT", policy, json={"policy": before, **WHY}, headers=over(1))
        answers = [
            await ask("ada", "PUT", place("staging", "a"), json={"value": "y", **WHY}, headers=over(1)),
            await ask("ada", "DELETE", place("staging", "b") + "?reason=not+needed", headers=over(1)),
            await ask(
                "ada", "POST", place("staging", "c", "/rollback"), json={"to_version": 1, **WHY}, headers=over(1)
            ),
        ]
        assert [answer.status_code for answer in answers] == [202, 202, 202]
        assert [answer.json()["submitted"]["standing"] for answer in answers] == ["PENDING"] * 3
        assert (await ask("eve", "GET", place("staging", "a"))).json()["value"] == "x"

    async def test_that_is_a_secret_is_never_shown(self, ask: Any, make: Any, put: Any) -> None:
        made = await make("hunter2", definition={"type": "secret"})
        assert (await put("hunter3", 1)).status_code == 200
        answers = [
            made,
            *[await ask("eve", "GET", place(what=what)) for what in ("", "/versions", "/diff?from=1&to=2")],
        ]
        assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
        assert not any("hunter" in answer.text for answer in answers)
        assert answers[-1].json()["changes"] == [{"op": "changed", "path": "/value"}]


@pytest.mark.req("FR-CFG-004")
class TestVersions:
    async def test_are_compared_by_number_with_or_without_its_letter(self, ask: Any, make: Any, put: Any) -> None:
        await make({"host": "a", "port": 1}, definition={"type": "json"})
        await put({"host": "b", "tls": True}, 1)
        for query in ("from=v1&to=v2", "from=1&to=2"):
            answer = await ask("eve", "GET", place(what=f"/diff?{query}"))
            assert answer.json()["changes"] == [
                {"op": "changed", "path": "/value/host", "before": "a", "after": "b"},
                {"op": "removed", "path": "/value/port", "before": 1},
                {"op": "added", "path": "/value/tls", "after": True},
            ]
        assert (await ask("eve", "GET", place(what="/diff?from=v0&to=1"))).status_code == 422
        assert (await ask("eve", "GET", place(what="/diff?from=v1&to=v9"))).status_code == 404

    @pytest.mark.req("ST83")
    async def test_an_earlier_one_over_a_later_one_shows_three_sides(self, ask: Any, make: Any, put: Any) -> None:
        await make("a")
        await put("b", 1)
        await put("c", 2)
        wish = {"to_version": 1, **WHY}
        stale = await ask("ada", "POST", place(what="/rollback"), json=wish, headers=over(2))
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/config-moved")
        assert (stale.json()["version"], stale.json()["expected"]) == (3, 2)
        assert stale.json()["changes"] == [
            {"path": "/value", "conflict": True, "base": "b", "theirs": "c", "ours": "a"}
        ]
        back = await ask("ada", "POST", place(what="/rollback"), json=wish, headers=over(3))
        assert (back.headers["ETag"], back.json()["entries"][0]["value"]) == ('"v4"', "a")


@pytest.mark.req("FR-CFG-002")
class TestList:
    async def test_is_by_environment_tag_and_prefix_page_by_page(self, ask: Any, make: Any, house: Any) -> None:
        for key, tag in (("a.x", "red"), ("a.y", "blue"), ("ab", "red")):
            await make(key=key, definition={"type": "string", "tags": [tag]})
        await make(key="a.x", environment="qa", definition=None)
        base = f"/configs/tenant/{house.tenant.slug}"

        async def found(query: str) -> list[str]:
            page = (await ask("eve", "GET", f"{base}?{query}")).json()
            rest = await found(f"{query}&cursor={page['next_cursor']}") if page["next_cursor"] else []
            return [f"{each['environment']}:{each['key']}" for each in page["items"]] + rest

        assert await found("") == await found("limit=1") == ["dev:a.x", "dev:a.y", "dev:ab", "qa:a.x"]
        assert await found("prefix=a.&limit=1") == ["dev:a.x", "dev:a.y", "qa:a.x"]
        assert await found("environment=dev&tag=red") == ["dev:a.x", "dev:ab"]
        assert await found("environment=qa&tag=blue") == []

    async def test_of_another_tenant_is_404(self, ask: Any) -> None:
        assert (await ask("root", "GET", "/configs/tenant/elsewhere")).status_code == 404


class TestMeters:
    async def test_count_what_was_made_and_time_what_was_read(
        self, ask: Any, make: Any, world: Any, house: Any
    ) -> None:
        await make()
        await ask("eve", "GET", place())
        await ask("eve", "GET", f"/configs/tenant/{house.tenant.slug}?environment=dev")
        counted = ("configs_created_total", "config_get_duration_seconds_count", 'configs_active{environment="dev"}')
        async with world.client(house) as client:
            text = (await client.get("/metrics")).text
        for name in (f"changegate_{each}" for each in counted):
            (line,) = [line for line in text.splitlines() if line.startswith(name)]
            assert float(line.split()[-1]) >= 1
