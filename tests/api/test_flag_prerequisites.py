"""Flags that need others over HTTP, on the real database: told at their places, served as plain flagd everywhere."""

from typing import Any

import pytest

WHY = {"reason": "because of the test"}
DEV = "environment=dev"
BASE: dict[str, Any] = {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
    "targeting": {"if": [{"==": [{"var": "country"}, "DE"]}, "on"]},
}  # fmt: skip
NEEDING = {**BASE, "targeting": {"if": [{"$flag": ["base", "on"]}, "on"]}}
AUTHORED = {
    "state": "ENABLED", "variants": BASE["variants"],
    "authoring": {"off": "off", "prerequisites": [{"flag": "base", "variants": ["on"]}], "serve": "on"},
}  # fmt: skip


@pytest.fixture
def put(ask: Any) -> Any:
    async def created(key: str, definition: Any) -> Any:
        return await ask(
            "ada", "POST", "/flags", json={"environment": "dev", "key": key, "definition": definition, **WHY}
        )

    return created


def faults(answer: Any) -> dict[str, str]:
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid"), answer.text
    return {fault["path"]: fault["message"] for fault in answer.json()["faults"]}


@pytest.mark.req("FP2")
class TestPrerequisites:
    async def test_each_fault_is_told_where_it_was_written(self, put: Any) -> None:
        assert faults(await put("next", NEEDING)) == {"/definition/targeting/if/0/$flag": "no flag 'base' here"}
        assert faults(await put("next", AUTHORED)) == {"/definition/authoring/prerequisites/0": "no flag 'base' here"}
        for operand in ("base", ["base"], ["base", 1], []):
            wrong = {**BASE, "targeting": {"if": [{"$flag": operand}, "on"]}}
            assert list(faults(await put("next", wrong))) == ["/definition/targeting/if/0/$flag"]
        within = {**BASE, "targeting": {"if": [{"some": [{"var": "list"}, {"$flag": ["base", "on"]}]}, "on"]}}
        assert list(faults(await put("next", within))) == ["/definition/targeting/if/0/some/1/$flag"]

    async def test_a_flag_that_others_need_stays(self, put: Any, ask: Any) -> None:
        assert [(await put("base", BASE)).status_code, (await put("next", AUTHORED)).status_code] == [201, 201]
        wish = {"definition": {**BASE, "variants": {"off": False}, "targeting": {}}, **WHY}
        found = await ask("ada", "PUT", f"/flags/base?{DEV}", json=wish, headers={"If-Match": '"v1"'})
        assert list(faults(found)) == ["/definition"]
        archive = {"confirm": True, **WHY}
        found = await ask("ada", "POST", f"/flags/base/archive?{DEV}", json=archive, headers={"If-Match": '"v1"'})
        assert (found.status_code, found.json()["type"]) == (409, "/problems/flag-needed"), found.text

    async def test_everybody_is_served_plain_flagd(self, put: Any, ask: Any) -> None:
        await put("base", BASE)
        await put("next", AUTHORED)
        context = {"context": {"targetingKey": "u", "country": "DE"}}
        answer = await ask("ada", "POST", f"/flags/next/evaluate?{DEV}", json=context)
        assert (answer.json()["variant"], answer.json()["value"]) == ("on", True)
        plain = (await ask("eve", "GET", f"/flag-documents?{DEV}")).text
        assert ("$flag" in plain, "authoring" in plain) == (False, False)
        written = (await ask("eve", "GET", f"/flag-documents?{DEV}&authored=true")).json()
        assert written["flags"] == {"base": BASE, "next": AUTHORED}
        wish = {"environment": "dev", "format": "flagd", "document": written, **WHY}
        again = await ask("ada", "POST", "/flag-documents", json=wish)
        assert (again.status_code, again.json()["outcome"]) == (200, "no_changes"), again.text

    async def test_an_import_is_judged_by_what_it_leads_to(self, ask: Any) -> None:
        async def brought(flags: Any) -> Any:
            wish = {"environment": "dev", "format": "flagd", "document": {"flags": flags}, **WHY}
            return await ask("ada", "POST", "/flag-documents", json=wish)

        told = faults(await brought({"next": NEEDING}))
        assert told == {"/document/flags/next/targeting/if/0/$flag": "no flag 'base' here"}
        assert (await brought({"next": NEEDING, "base": BASE})).status_code == 200
