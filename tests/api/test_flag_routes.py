import asyncio
from typing import Any

import pytest

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NEW: dict[str, Any] = {**FLAG, "defaultVariant": "on"}
WHY = {"reason": "because of the test"}
CREATE: dict[str, Any] = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
HERE = "/flags/checkout?environment=dev"
GONE = "00000000-0000-4000-8000-000000000000"


class TestFlags:
    async def test_anonymous_is_401(self, ask: Any) -> None:
        answer = await ask(None, "GET", "/flags?environment=dev")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.req("FR-SM-010")
    async def test_a_flag_is_created_and_read_with_its_tag(self, ask: Any) -> None:
        made = await ask("ada", "POST", "/flags", json=CREATE)
        assert (made.status_code, made.headers["ETag"]) == (201, '"v1"')
        read = await ask("eve", "GET", HERE)
        assert read.json() == made.json()
        assert read.json()["definition"] == FLAG

    async def test_a_viewer_is_403(self, ask: Any) -> None:
        answer = await ask("eve", "POST", "/flags", json=CREATE)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/permission-missing")

    async def test_the_same_key_twice_is_409(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        again = await ask("ada", "POST", "/flags", json=CREATE)
        assert (again.status_code, again.json()["type"]) == (409, "/problems/flag-exists")

    async def test_production_asks_for_approval(self, ask: Any) -> None:
        answer = await ask("ada", "POST", "/flags", json={**CREATE, "environment": "production"})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/approval-required")

    async def test_faults_of_the_definition_point_into_the_body(self, ask: Any) -> None:
        wrong = {**FLAG, "state": "PERHAPS", "defaultVariant": "none"}
        answer = await ask("ada", "POST", "/flags", json={**CREATE, "definition": wrong})
        paths = [fault["path"] for fault in answer.json()["faults"]]
        assert (answer.status_code, paths) == (422, ["/definition/defaultVariant", "/definition/state"])


@pytest.mark.req("FR-SM-011")
class TestIfMatch:
    async def test_a_write_without_it_is_428(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        answer = await ask("ada", "PUT", HERE, json={"definition": NEW, **WHY})
        assert (answer.status_code, answer.json()["type"]) == (428, "/problems/precondition-missing")

    async def test_a_write_over_another_version_is_412(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        wish = {"definition": NEW, **WHY}
        first = await ask("ada", "PUT", HERE, json=wish, headers={"If-Match": '"v1"'})
        assert (first.status_code, first.headers["ETag"]) == (200, '"v2"')
        late = await ask("ada", "PUT", HERE, json={"definition": FLAG, **WHY}, headers={"If-Match": '"v1"'})
        assert (late.status_code, late.json()["type"]) == (412, "/problems/stale")

    @pytest.mark.parametrize("tag", ["v1", 'W/"v1"', '"r1"', '"v01"', "*", '"v1", "v2"', '"v99999999999999999999"'])
    async def test_a_tag_that_was_never_given_is_422(self, ask: Any, tag: str) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        answer = await ask("ada", "PUT", HERE, json={"definition": NEW, **WHY}, headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/headers/If-Match")

    async def test_of_two_writers_at_once_one_wins(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        put = [
            ask("ada", "PUT", HERE, json={"definition": {**NEW, "metadata": {"by": n}}, **WHY},
                headers={"If-Match": '"v1"'})
            for n in range(6)
        ]  # fmt: skip
        assert sorted(answer.status_code for answer in await asyncio.gather(*put)) == [200, 412, 412, 412, 412, 412]


@pytest.mark.req("FR-SM-013")
class TestSwitchingOff:
    async def test_disabling_needs_the_version(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        path = "/flags/checkout/disable?environment=dev"
        assert (await ask("ada", "POST", path, json=WHY)).status_code == 428
        done = await ask("ada", "POST", path, json=WHY, headers={"If-Match": '"v1"'})
        assert (done.status_code, done.json()["definition"]["state"]) == (200, "DISABLED")

    async def test_the_kill_switch_needs_no_approval_and_opens_a_review(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        killed = await ask("root", "POST", "/flags/checkout/kill?environment=dev", json={**WHY, "variant": "on"})
        assert killed.status_code == 200
        assert killed.json()["flag"]["definition"]["defaultVariant"] == "on"
        assert killed.json()["review"]

    async def test_only_who_may_kill_can(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        answer = await ask("ada", "POST", "/flags/checkout/kill?environment=dev", json=WHY)
        assert answer.status_code == 403


class TestPages:
    async def test_every_flag_stands_on_exactly_one_page(self, ask: Any) -> None:
        keys = [f"flag-{n}" for n in range(7)]
        for key in keys:
            await ask("ada", "POST", "/flags", json={**CREATE, "key": key})
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = (await ask("eve", "GET", f"/flags?environment=dev&limit=3{more}")).json()
            seen += [item["key"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seen == keys

    async def test_versions_come_newest_first(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        await ask("ada", "PUT", HERE, json={"definition": NEW, **WHY}, headers={"If-Match": '"v1"'})
        first = (await ask("eve", "GET", "/flags/checkout/versions?environment=dev&limit=1")).json()
        rest = await ask("eve", "GET", f"/flags/checkout/versions?environment=dev&cursor={first['next_cursor']}")
        assert [item["version"] for item in first["items"] + rest.json()["items"]] == [2, 1]

    @pytest.mark.parametrize(
        "cursor", ["x", "%00", "WyJmbGFncyJd", "W10", "eyJhIjoxfQ", "WyJ2ZXJzaW9ucyIsM10", "bnVsbA"]
    )
    async def test_a_cursor_of_nobody_is_422(self, ask: Any, cursor: str) -> None:
        answer = await ask("eve", "GET", f"/flags?environment=dev&cursor={cursor}")
        assert answer.status_code == 422
        assert answer.json()["faults"][0]["path"].startswith("/query")

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
    async def test_a_page_has_at_most_a_hundred_items(self, ask: Any, limit: str) -> None:
        answer = await ask("eve", "GET", f"/flags?environment=dev&limit={limit}")
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/query/limit")


@pytest.mark.req("FR-SM-014")
class TestEvaluation:
    async def test_a_person_asks_for_one_context(self, ask: Any) -> None:
        rule = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on"]}
        await ask("ada", "POST", "/flags", json={**CREATE, "definition": {**FLAG, "targeting": rule}})
        asked = {"context": {"plan": "pro", "targetingKey": "u1"}}
        answer = await ask("eve", "POST", "/flags/checkout/evaluate?environment=dev", json=asked)
        told = answer.json()
        assert (told["value"], told["variant"], told["reason"]) == (True, "on", "TARGETING_MATCH")

    async def test_an_unknown_flag_is_404(self, ask: Any) -> None:
        assert (await ask("eve", "POST", "/flags/none/evaluate?environment=qa", json={})).status_code == 404
