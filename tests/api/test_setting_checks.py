"""Other modules ask whether a setting exists and a value of it would be accepted, and change nothing by it."""

from typing import Any

import pytest

WHY = {"reason": "because of the test"}
LIMIT = {"key": "upload.limit", "type": "integer", "scopes": ["tenant", "company"], "schema": {"multipleOf": 5}}


@pytest.fixture
def check(ask: Any) -> Any:
    async def asked(value: Any, key: str = "upload.limit", scope: str = "company:de", handle: str = "eve") -> Any:
        path = f"/settings/{key}/check?environment=dev&scope={scope}"
        return await ask(handle, "POST", path, json={"value": value})

    return asked


@pytest.fixture
async def limit(define: Any) -> None:
    await define(**LIMIT)


@pytest.mark.req("FR-SM-040")
class TestCheck:
    async def test_of_what_would_be_accepted_is_valid_and_writes_nothing(
        self, limit: None, check: Any, ask: Any
    ) -> None:
        answer = await check(20)
        assert (answer.status_code, answer.json()) == (200, {"valid": True, "faults": []})
        assert (await ask("eve", "GET", "/settings/upload.limit?environment=dev&scope=company:de")).json()[
            "version"
        ] == 0

    async def test_of_what_does_not_exist_is_404(self, limit: None, check: Any) -> None:
        assert (await check(20, "no.such")).status_code == 404

    @pytest.mark.req("FR-SM-004", "FR-CFG-007", "SM-D4", "ST78")
    @pytest.mark.parametrize("value", ["20", 20.5, True, [20], 21, None])
    async def test_of_another_type_or_form_is_told_at_the_value(self, limit: None, check: Any, value: Any) -> None:
        told = (await check(value)).json()
        assert (told["valid"], {fault["path"] for fault in told["faults"]}) == (False, {"/value"})

    async def test_of_a_scope_that_the_setting_has_not_is_told_at_the_scope(self, limit: None, check: Any) -> None:
        told = (await check(20, scope="user:ada")).json()
        assert [fault["path"] for fault in told["faults"]] == ["/scope"]

    @pytest.mark.req("ST72", "ST74")
    async def test_knows_what_broader_scopes_say(self, limit: None, check: Any, ask: Any) -> None:
        path = "/settings/upload.limit?environment=dev"
        wish = {"value": 20, "constraint": {"maximum": 50}, **WHY}
        assert (await ask("ada", "PUT", path, json=wish, headers={"If-Match": '"v0"'})).status_code == 200
        assert [(await check(value)).json()["valid"] for value in (50, 55)] == [True, False]
        wish = {"value": 20, "enforced": True, **WHY}
        assert (await ask("ada", "PUT", path, json=wish, headers={"If-Match": '"v1"'})).status_code == 200
        assert (await check(20)).json()["faults"] == [{"path": "/value", "message": "enforced by the tenant"}]

    @pytest.mark.req("SM-D5", "SM-D6")
    async def test_asks_the_rules(self, limit: None, define: Any, check: Any, ask: Any) -> None:
        await define(key="upload.most", type="integer", scopes=["tenant"], default=40)
        for environment in ("staging", "production"):
            policy = await ask("root", "GET", f"/policies/{environment}?kind=setting")
            headers = {"If-Match": policy.headers["ETag"]}
            wish = {"policy": {"levels": []}, **WHY}
            answer = await ask("root", "PUT", f"/policies/{environment}?kind=setting", json=wish, headers=headers)
            assert answer.status_code == 200, answer.text
        rule: dict[str, Any] = {
            "kind": "range",
            "name": "upload",
            "key": "upload.limit",
            "at_most": {"key": "upload.most"},
        }
        book = {"rules": [rule], **WHY}
        assert (await ask("ada", "PUT", "/setting-rules", json=book, headers={"If-Match": '"v0"'})).status_code == 200
        assert [(await check(value)).json()["valid"] for value in (40, 45)] == [True, False]
        assert "out_of_range (upload)" in (await check(45)).json()["faults"][0]["message"]

    @pytest.mark.req("ST80")
    async def test_of_a_secret_neither_keeps_nor_tells_it(self, define: Any, check: Any) -> None:
        await define(key="mail.password", type="secret", scopes=["tenant"])
        good, bad = await check("hunter2", "mail.password", ""), await check(7, "mail.password", "")
        assert (good.json(), bad.json()["valid"]) == ({"valid": True, "faults": []}, False)
        assert "hunter2" not in good.text
