"""Who may read flags sees how they are used, and programs report what names them."""

from typing import Any

import pytest

from application.ports.records import StoredFlag
from domain.environments import Environment
from tests.api.conftest import eventually

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
DEV = {"environment": "dev"}
BULK = "/ofrep/v1/evaluate/flags"
SHOP = "/flag-references/shop?environment=dev"
REPORT: dict[str, Any] = {
    "revision": "3f2a91c",
    "references": [{"key": "checkout", "path": "src/pay.py", "lines": [9, 3]}],
}


@pytest.fixture
async def flags(ask: Any) -> None:
    for key in ("basket", "checkout", "search"):
        wish = {"environment": "dev", "key": key, "definition": FLAG, **WHY}
        assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201


@pytest.fixture
def usage(ask: Any, world: Any) -> Any:
    """What is told once everything that was counted is written down."""

    async def told(key: str = "checkout", **query: Any) -> dict[str, Any]:
        await world.services.usage_counts.flush()
        answer = await ask("eve", "GET", f"/flags/{key}/usage", params={**DEV, **query})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return told


@pytest.mark.req("FL1")
class TestUsage:
    async def test_what_applications_ask_is_counted(self, ask: Any, usage: Any, flags: None) -> None:
        headers = {"Changegate-Environment": "dev"}
        first = await ask("shop", "POST", BULK, json={}, headers=headers)
        again = await ask("shop", "POST", BULK, json={}, headers={**headers, "If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        await ask("shop", "POST", f"{BULK}/checkout", json={}, headers=headers)
        assert (await ask("shop", "POST", f"{BULK}/nothing", json={}, headers=headers)).status_code == 404
        told = await usage()
        assert told["times"] == [{"variant": "off", "reason": "STATIC", "times": 3}]
        assert [each["variant"] for each in told["given"]] == ["off"]
        assert (await usage("search"))["times"] == [{"variant": "off", "reason": "STATIC", "times": 2}]

    async def test_what_applications_report_is_counted(self, ask: Any, usage: Any, flags: None) -> None:
        sample = {"environment": "dev", "key": "checkout", "variant": "on", "window_end": "2026-01-31T12:00:00Z",
                  "requests": 10, "errors": 1}  # fmt: skip
        batch = {"batch": "b1", "samples": [sample, {**sample, "key": "basket", "requests": 0, "errors": 0}]}
        assert (await ask("shop", "POST", "/telemetry", json=batch)).status_code == 200
        told = await usage()
        assert [(each["variant"], each["first_at"]) for each in told["given"]] == [("on", "2026-01-31T12:00:00Z")]
        assert (await usage("basket"))["given"] == []

    async def test_what_people_try_is_not(self, ask: Any, usage: Any, flags: None) -> None:
        assert (await ask("eve", "POST", "/flags/checkout/evaluate", params=DEV, json={})).status_code == 200
        told = await usage()
        assert (told["times"], told["given"]) == ([], [])
        assert told["lifecycle"]["state"] == "new"
        assert [each["cause"] for each in told["against_removal"]] == ["uncounted", "unscanned"]

    @pytest.mark.parametrize("query", [{"hours": 0}, {"hours": 2161}, {"environment": "moon"}])
    async def test_a_question_that_is_none_is_422(self, ask: Any, flags: None, query: dict[str, Any]) -> None:
        answer = await ask("eve", "GET", "/flags/checkout/usage", params={**DEV, **query})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")


@pytest.mark.req("FL2")
class TestLifecycle:
    async def test_flags_are_listed_by_the_state_of_their_life(self, ask: Any, usage: Any, flags: None) -> None:
        short = {**FLAG, "metadata": {"expectedLifetimeDays": 1e-9}}
        for key in ("basket", "search"):
            wish = {"definition": short, **WHY}
            put = await ask("ada", "PUT", f"/flags/{key}", params=DEV, json=wish, headers={"If-Match": '"v1"'})
            assert put.status_code == 200, put.text
        listed = (await ask("eve", "GET", "/flags", params=DEV)).json()["items"]
        assert [(each["key"], each["lifecycle"]["state"]) for each in listed] == [
            ("basket", "stale"), ("checkout", "new"), ("search", "stale"),
        ]  # fmt: skip
        assert [each["cause"] for each in listed[0]["lifecycle"]["reasons"]] == ["overdue"]
        stale = {**DEV, "lifecycle": "stale", "limit": 1}
        first = (await ask("eve", "GET", "/flags", params=stale)).json()
        second = (await ask("eve", "GET", "/flags", params={**stale, "cursor": first["next_cursor"]})).json()
        assert [each["key"] for page in (first, second) for each in page["items"]] == ["basket", "search"]
        assert second["next_cursor"] is None
        assert (await ask("eve", "GET", "/flags", params={**DEV, "lifecycle": "launched"})).json()["items"] == []
        assert (await usage("search"))["lifecycle"]["state"] == "stale"


@pytest.mark.req("FR-SM-012")
async def test_flags_are_listed_by_their_tags(ask: Any, flags: None) -> None:
    tagged: dict[str, dict[str, Any]] = {
        "basket": {"authoring": {"tags": ["web", "checkout"]}},
        "search": {"metadata": {"tags": "web, find", "expectedLifetimeDays": 1e-9}},
    }
    for key, more in tagged.items():
        wish = {"definition": {**FLAG, **more}, **WHY}
        put = await ask("ada", "PUT", f"/flags/{key}", params=DEV, json=wish, headers={"If-Match": '"v1"'})
        assert put.status_code == 200, put.text

    async def keys(**query: Any) -> list[str]:
        answer = await ask("eve", "GET", "/flags", params={**DEV, **query})
        return [each["key"] for each in answer.json()["items"]]

    assert await keys(tag="web") == ["basket", "search"]
    assert await keys(tag=["find", "checkout", "moon"]) == ["basket", "search"]
    assert await keys(tag="checkout") == ["basket"]
    assert await keys(tag="web", lifecycle="stale") == ["search"]
    assert await keys(tag="moon") == []
    first = (await ask("eve", "GET", "/flags", params={**DEV, "tag": "web", "limit": 1})).json()
    assert await keys(tag="web", limit=1, cursor=first["next_cursor"]) == ["search"]
    refused = await ask("eve", "GET", "/flags", params={**DEV, "tag": ["web", ""]})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid")


@pytest.mark.req("FL3")
class TestReferences:
    async def test_a_report_is_told_with_the_flag_and_in_the_trail(self, ask: Any, usage: Any, flags: None) -> None:
        scan = await ask("shop", "PUT", SHOP, json=REPORT)
        assert (scan.status_code, scan.json()["repository"], scan.json()["revision"]) == (200, "shop", "3f2a91c")
        told = await usage()
        assert [(each["repository"], each["places"]) for each in told["scans"]] == [("shop", 2)]
        assert "referenced" in [each["cause"] for each in told["against_removal"]]
        assert (await usage("search"))["scans"][0]["places"] == 0
        page = (await ask("eve", "GET", "/flags/checkout/references", params=DEV)).json()
        assert page["items"] == [{"repository": "shop", "path": "src/pay.py", "lines": [3, 9]}]
        trail = (await ask("aud", "GET", "/audit-logs", params={"resource_type": "flag-references"})).json()["items"]
        assert [(each["action"], each["resource"]) for each in trail] == [("flag:references:reported", "dev/shop")]
        assert trail[0]["after"] == {"revision": "3f2a91c", "flags": 1, "places": 2}

    async def test_the_next_report_takes_its_place(self, ask: Any, flags: None) -> None:
        await ask("shop", "PUT", SHOP, json=REPORT)
        found = [{"key": "checkout", "path": f"src/{n}.py", "lines": [1]} for n in range(3)]
        assert (await ask("shop", "PUT", SHOP, json={"references": found})).status_code == 200
        asked = {**DEV, "limit": 2}
        first = (await ask("eve", "GET", "/flags/checkout/references", params=asked)).json()
        second = (
            await ask("eve", "GET", "/flags/checkout/references", params={**asked, "cursor": first["next_cursor"]})
        ).json()
        paths = [each["path"] for page in (first, second) for each in page["items"]]
        assert (paths, second["next_cursor"]) == (["src/0.py", "src/1.py", "src/2.py"], None)

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"key": "nothing"}, "/references/0/key"),
            ({"lines": []}, "/references/0/lines"),
            ({"lines": [0]}, "/references/0/lines/0"),
            ({"path": ""}, "/references/0/path"),
            ({"text": "if checkout:"}, "/references/0/text"),
        ],
    )
    async def test_a_report_that_is_none_changes_nothing(
        self, ask: Any, flags: None, change: dict[str, Any], path: str
    ) -> None:
        await ask("shop", "PUT", SHOP, json=REPORT)
        wrong = {"references": [{**REPORT["references"][0], **change}]}
        answer = await ask("shop", "PUT", SHOP, json=wrong)
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [path])
        page = (await ask("eve", "GET", "/flags/checkout/references", params=DEV)).json()
        assert [each["path"] for each in page["items"]] == ["src/pay.py"]

    async def test_who_may_not_report_is_403(self, ask: Any, flags: None) -> None:
        answer = await ask("eve", "PUT", SHOP, json=REPORT)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/permission-missing")


@pytest.mark.req("FL4")
class TestArchive:
    async def test_what_may_be_in_use_is_archived_only_when_that_is_confirmed(self, ask: Any, flags: None) -> None:
        wish = {"reason": "nobody needs it any more"}
        refused = await archive(ask, wish)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/flag-in-use")
        assert any("never counted" in each or "ever counted" in each for each in refused.json()["against"])
        short = await archive(ask, {"reason": "too short", "confirm": True})
        assert (short.status_code, [each["path"] for each in short.json()["faults"]]) == (422, ["/reason"])
        done = await archive(ask, {**wish, "confirm": True})
        assert (done.status_code, done.headers["ETag"]) == (200, '"v2"')
        again = await archive(ask, {**wish, "confirm": True}, version=2)
        assert (again.status_code, again.json()["type"]) == (422, "/problems/nothing-changes")

    async def test_it_is_served_to_nobody_until_it_is_restored(self, ask: Any, world: Any, flags: None) -> None:
        headers = {"Changegate-Environment": "dev"}
        assert (await ask("shop", "POST", f"{BULK}/checkout", json={}, headers=headers)).status_code == 200
        await archive(ask, {"reason": "nobody needs it any more", "confirm": True})

        async def code(expected: int) -> bool:
            answer = await ask("shop", "POST", f"{BULK}/checkout", json={}, headers=headers)
            return bool(answer.status_code == expected)

        await eventually(lambda: code(404))
        listed = (await ask("eve", "GET", "/flags", params={**DEV, "lifecycle": "archived"})).json()["items"]
        assert [each["key"] for each in listed] == ["checkout"]
        over = {"params": DEV, "headers": {"If-Match": '"v2"'}, "json": WHY}
        restored = await ask("ada", "POST", "/flags/checkout/restore", **over)
        assert (restored.status_code, restored.json()["definition"]) == (200, FLAG)
        await eventually(lambda: code(200))
        trail = (await ask("aud", "GET", "/audit-logs", params={"resource_type": "flag"})).json()["items"]
        told = [each["action"] for each in trail if each["resource"] == "dev/checkout"]
        assert sorted(told) == ["flag:definition:created", "flag:state:archived", "flag:state:unarchived"]

    async def test_an_update_does_not_archive_by_the_way(self, ask: Any, flags: None) -> None:
        wish = {"definition": {**FLAG, "metadata": {"archived": True}}, **WHY}
        answer = await ask("ada", "PUT", "/flags/checkout", params=DEV, json=wish, headers={"If-Match": '"v1"'})
        assert answer.status_code == 422
        assert [each["path"] for each in answer.json()["faults"]] == ["/definition/metadata/archived"]

    async def test_where_policy_asks_for_approval_it_is_a_change(self, ask: Any, world: Any, house: Any) -> None:
        async with world.services.store.transaction(house.id) as tx:
            flag = StoredFlag(Environment.PRODUCTION, "checkout", 1, FLAG, "test", None, tx.now)
            await tx.flags.put(flag, expected=0)
        wish = {"reason": "nobody needs it any more", "confirm": True}
        answer = await archive(ask, wish, environment="production")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/approval-required")
        proposal = {"environment": "production", "key": "checkout", "base_version": 1, "plan": {"strategy": "direct"},
                    "definition": {**FLAG, "metadata": {"archived": True}}, **WHY}  # fmt: skip
        assert (await ask("ada", "POST", "/changes", json=proposal)).status_code == 201


async def archive(ask: Any, wish: dict[str, Any], version: int = 1, environment: str = "dev") -> Any:
    headers = {"If-Match": f'"v{version}"'}
    params = {"environment": environment}
    return await ask("ada", "POST", "/flags/checkout/archive", params=params, json=wish, headers=headers)
