"""What applications evaluate is sampled where somebody chose that, and says whom a change changes before a vote."""

from typing import Any

import pytest

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
GOLD: dict[str, Any] = {**FLAG, "targeting": {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}}
WHY = {"reason": "because of the test"}
DEV = {"environment": "dev"}
UNSET, FIRST = {"If-Match": '"v0"'}, {"If-Match": '"v1"'}
CHOSEN = {"plain": ["plan"], "hashed": ["email"], "capacity": 100, **WHY}
OFF = {"capacity": 0, **WHY}
BULK = "/ofrep/v1/evaluate/flags"
HEADERS = {"Changegate-Environment": "dev"}
USERS = [{"targetingKey": f"user-{n}", "plan": "gold" if n < 3 else "iron", "phone": "555-0199"} for n in range(12)]


@pytest.fixture
async def flag(ask: Any) -> None:
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201


@pytest.fixture
def sampled(ask: Any, world: Any, flag: None) -> Any:
    """An application evaluates for users, some of them more than once, while it is chosen what of that is kept."""

    async def evaluated(wish: dict[str, Any] | None = None) -> dict[str, Any]:
        first = await ask("shop", "POST", BULK, json={}, headers=HEADERS)
        if wish is not None:
            put = await ask("root", "PUT", "/flag-sampling", params=DEV, json=wish, headers=UNSET)
            assert put.status_code == 200, put.text
        await world.services.samples.settle()
        for user in USERS:
            bulk = await ask("shop", "POST", BULK, json={"context": user}, headers=HEADERS)
            assert bulk.headers["ETag"].split("-")[0] == first.headers["ETag"].split("-")[0]
            again = {**HEADERS, "If-None-Match": bulk.headers["ETag"]}
            assert (await ask("shop", "POST", BULK, json={"context": user}, headers=again)).status_code == 304
            await ask("shop", "POST", f"{BULK}/checkout", json={"context": user}, headers=HEADERS)
        await world.services.samples.settle()
        answer = await ask("eve", "GET", "/flag-sampling", params=DEV)
        told: dict[str, Any] = answer.json()
        assert answer.headers["ETag"] == f'"v{told["version"]}"'
        return told

    return evaluated


@pytest.fixture
async def change(ask: Any, flag: None) -> str:
    wish = {"environment": "dev", "key": "checkout", "definition": GOLD, "base_version": 1,
            "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
    made = await ask("ada", "POST", "/changes", json=wish)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.mark.req("BR1")
class TestSampling:
    async def test_nothing_is_kept_until_somebody_chooses_it(self, sampled: Any) -> None:
        told = await sampled()
        assert told == {**DEV, "version": 0, "plain": [], "hashed": [], "capacity": 0, "written_at": None,
                        "contexts": 0, "since": None}  # fmt: skip

    async def test_each_context_is_kept_once_and_off_deletes_them(self, ask: Any, sampled: Any) -> None:
        told = await sampled(CHOSEN)
        assert (told["hashed"], told["contexts"]) == (["email", "targetingKey"], len(USERS))
        stale = await ask("root", "PUT", "/flag-sampling", params=DEV, json=OFF, headers=UNSET)
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale")
        off = await ask("root", "PUT", "/flag-sampling", params=DEV, json=OFF, headers=FIRST)
        assert (off.status_code, off.json()["contexts"], off.json()["hashed"]) == (200, 0, [])
        same = await ask("root", "PUT", "/flag-sampling", params=DEV, json=OFF, headers={"If-Match": '"v2"'})
        assert (same.status_code, same.json()["type"]) == (422, "/problems/nothing-changes")
        trail = (await ask("aud", "GET", "/audit-logs", params={"resource_type": "flag-sampling"})).json()["items"]
        assert [each["action"] for each in trail] == ["flagset:sampling:changed"] * 2
        assert trail[0]["after"] == {"plain": [], "hashed": [], "capacity": 0}

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({"plain": ["a.b"]}, "/plain/0"),
            ({"hashed": ["plan"]}, "/hashed/0"),
            ({"capacity": 1001}, "/capacity"),
            ({"plain": ["x"] * 101}, "/plain"),
        ],
    )
    async def test_a_choice_that_is_none_is_422(self, ask: Any, wish: dict[str, Any], path: str) -> None:
        answer = await ask("root", "PUT", "/flag-sampling", params=DEV, json={**CHOSEN, **wish}, headers=UNSET)
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [path])


@pytest.mark.req("BR2")
class TestImpact:
    async def test_sampled_contexts_say_whom_a_change_changes_before_anybody_votes(
        self, ask: Any, sampled: Any, change: str
    ) -> None:
        nothing = await ask("eve", "POST", f"/changes/{change}/impact", json={})
        assert (nothing.status_code, nothing.json()["type"]) == (409, "/problems/no-contexts")
        assert (await ask("eve", "GET", f"/changes/{change}/diff")).json()["impact"] is None
        await sampled(CHOSEN)
        told = (await ask("ada", "POST", f"/changes/{change}/impact", json={})).json()
        assert (told["source"], told["hashed"], told["contexts"]) == ("sampled", True, 12)
        (flag,) = told["flags"]
        assert [(each["before"]["variant"], each["after"]["variant"], each["times"]) for each in flag["moves"]] == [
            ("off", "off", 9), ("off", "on", 3),
        ]  # fmt: skip
        assert told["examples"][0]["context"].keys() == {"plan", "targetingKey"}
        diff = await ask("eve", "GET", f"/changes/{change}/diff")
        assert diff.json()["impact"] == {name: value for name, value in told.items() if name != "examples"}
        seen = await ask("eve", "POST", f"/changes/{change}/impact", json={})
        assert [each["context"] for each in seen.json()["examples"]] == [None] * 10
        for answer in (diff, seen):
            assert not any(secret in answer.text for secret in ("user-", "555-0199"))
        submitted = await ask("ada", "POST", f"/changes/{change}/submit", headers={"If-Match": '"r1"'})
        assert submitted.status_code == 200, submitted.text
        brief = await ask("eve", "GET", f"/approvals/{change}/brief")
        assert brief.json()["impact"] == diff.json()["impact"]

    async def test_contexts_may_be_given(self, ask: Any, change: str) -> None:
        told = (await ask("eve", "POST", f"/changes/{change}/impact", json={"contexts": USERS})).json()
        assert (told["source"], told["changed"], told["flags"][0]["values"]) == ("given", 12, 3)
        assert [(each["index"], each["context"]) for each in told["examples"]] == [(n, None) for n in range(10)]

    async def test_a_draft_is_asked_about_before_it_is_a_change(self, ask: Any, flag: None) -> None:
        path, contexts = "/flags/checkout/impact", [{"plan": "gold"}, {}]
        told = await ask("eve", "POST", path, params=DEV, json={"definition": GOLD, "contexts": contexts})
        assert (told.status_code, told.json()["flags"][0]["values"]) == (200, 1)
        wrong = await ask("eve", "POST", path, params=DEV, json={"definition": {**GOLD, "state": "?"}})
        assert (wrong.status_code, wrong.json()["faults"][0]["path"]) == (422, "/definition/state")
        many = await ask("eve", "POST", path, params=DEV, json={"definition": GOLD, "contexts": [{}] * 1001})
        assert (many.status_code, many.json()["faults"][0]["path"]) == (422, "/contexts")

    async def test_a_change_of_no_flag_has_none(self, ask: Any, define: Any) -> None:
        await define(key="limit", type="integer")
        targets = [{"kind": "config", "key": "limit", "value": 3}]
        wish = {"environment": "dev", "targets": targets, "plan": {"strategy": "direct"}, **WHY}
        made = await ask("ada", "POST", "/changes", json=wish)
        assert made.status_code == 201, made.text
        answer = await ask("eve", "POST", f"/changes/{made.json()['id']}/impact", json={})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-flags-changed")
        assert (await ask("eve", "GET", f"/changes/{made.json()['id']}/diff")).json()["impact"] is None
