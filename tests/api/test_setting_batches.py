"""Many settings at once, all or none, under rules over several keys: scenarios 75 to 77."""

import json
from typing import Any

import pytest

WHY = {"reason": "because of the test"}
NONE = {"If-Match": '"v0"'}
GATEWAY = "/settings/payment.gateway?environment=dev"


class TestBulk:
    @pytest.fixture(autouse=True)
    async def defined(self, define: Any) -> None:
        for key in ("billing.enabled", "pay.stripe", "pay.paypal"):
            await define(key=key, type="boolean", scopes=["tenant", "company"])
        await define(key="payment.gateway", type="string", scopes=["tenant", "company"])

    @pytest.fixture
    def bulk(self, ask: Any) -> Any:
        async def sent(*items: dict[str, Any], **more: Any) -> Any:
            return await ask(
                "ada", "POST", "/settings/bulk", json={"environment": "dev", "items": items, **WHY, **more}
            )

        return sent

    @pytest.fixture
    async def rules(self, ask: Any) -> None:
        needs = {"kind": "dependency", "name": "billing-needs-gateway", "when": {"key": "billing.enabled"},
                 "needs": [{"key": "payment.gateway"}], "message": "choose a gateway first"}  # fmt: skip
        apart = {"kind": "conflict", "name": "one-provider", "between": [{"key": "pay.stripe"}, {"key": "pay.paypal"}],
                 "message": "one provider at a time"}  # fmt: skip
        for environment in ("staging", "production"):
            policy = {"policy": {"levels": []}, **WHY}
            assert (await ask("root", "PUT", f"/policies/{environment}?kind=setting", json=policy,
                              headers={"If-Match": '"v0"'})).status_code == 200  # fmt: skip
        answer = await ask("ada", "PUT", "/setting-rules", json={"rules": [needs, apart], **WHY}, headers=NONE)
        assert (answer.status_code, answer.headers.get("ETag")) == (200, '"v1"'), answer.text

    @pytest.mark.req("FR-SM-002", "ST75")
    async def test_one_fault_and_nothing_is_written(self, bulk: Any, ask: Any) -> None:
        wrong = await bulk({"key": "payment.gateway", "value": "stripe"}, {"key": "billing.enabled", "value": "yes"},
                           {"key": "no.such", "value": 1})  # fmt: skip
        assert [fault["path"] for fault in wrong.json()["faults"]] == ["/items/1/value", "/items/2/key"]
        assert (await ask("eve", "GET", GATEWAY)).json()["version"] == 0

    @pytest.mark.req("ST75")
    async def test_fifty_leave_fifty_events_and_one_epoch(self, bulk: Any, ask: Any) -> None:
        before = (await bulk({"key": "payment.gateway", "value": "x"}, dry_run=True)).json()["epoch"]
        items = [{"key": "payment.gateway", "scope": f"company:c{number}", "value": "x"} for number in range(50)]
        answer = await bulk(*items)
        assert (answer.status_code, answer.json()["epoch"]) == (200, before + 1), answer.text
        rows = (await ask("aud", "GET", "/audit-logs?action=setting:value:changed&limit=100")).json()["items"]
        assert len(rows) == 50

    @pytest.mark.req("ST76", "SM-D5", "SM-D7")
    async def test_a_dependency_holds_in_both_directions(self, rules: None, bulk: Any) -> None:
        alone = await bulk({"key": "billing.enabled", "value": True})
        assert (alone.status_code, alone.json()["type"]) == (422, "/problems/rules-violated")
        assert "missing_dependencies" in alone.json()["faults"][0]["message"]
        both = [{"key": "billing.enabled", "value": True}, {"key": "payment.gateway", "value": "stripe"}]
        assert (await bulk(*both)).status_code == 200
        removed = await bulk({"key": "payment.gateway", "unset": True})
        assert "required_by" in removed.json()["faults"][0]["message"]

    @pytest.mark.req("ST77", "SM-D6")
    async def test_a_conflict_is_found_where_scopes_meet(self, rules: None, bulk: Any) -> None:
        assert (await bulk({"key": "pay.stripe", "value": True, "scope": "company:de"})).status_code == 200
        answer = await bulk({"key": "pay.paypal", "value": True})
        assert answer.status_code == 422
        assert "conflict (one-provider) at company:de" in answer.json()["faults"][0]["message"]

    async def test_every_scope_that_is_none_is_told_at_its_item(self, bulk: Any) -> None:
        item = {"key": "payment.gateway", "value": "a"}
        answer = await bulk({**item, "scope": "nonsense"}, item, {**item, "scope": "tenant:x"})
        assert [fault["path"] for fault in answer.json()["faults"]] == ["/items/0/scope", "/items/2/scope"]

    async def test_the_same_place_twice_is_a_fault(self, bulk: Any) -> None:
        answer = await bulk({"key": "payment.gateway", "value": "a"}, {"key": "payment.gateway", "value": "b"})
        assert answer.json()["faults"][0]["path"] == "/items/1"

    @pytest.mark.req("FR-SM-002")
    async def test_a_batch_may_be_as_large_as_its_items_need(self, bulk: Any, ask: Any) -> None:
        items = [{"key": "payment.gateway", "scope": f"company:c{n}", "value": "x" * 2_000} for n in range(1_000)]
        assert len(json.dumps(items)) > 1024 * 1024
        assert (await bulk(*items, dry_run=True)).status_code == 200
        refused = await ask(None, "POST", "/settings/bulk", json={"environment": "dev", "items": items, **WHY})
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/token-missing")

    async def test_beyond_16_mib_is_413(self, ask: Any) -> None:
        body = b'{"items": "' + b"x" * 16 * 1024 * 1024 + b'"}'
        answer = await ask("ada", "POST", "/settings/bulk", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
