"""Secrets are written by people, read by applications, and shown to nobody: scenario 80."""

from typing import Any

import pytest

WHY = {"reason": "because of the test"}
PLAIN = "correct horse battery staple"


def at(what: str = "", environment: str = "dev", scope: str = "") -> str:
    return f"/settings/pay.token{what}?environment={environment}&scope={scope}"


@pytest.fixture
async def defined(ask: Any) -> None:
    definition = {"key": "pay.token", "type": "secret", "scopes": ["tenant", "company"]}
    made = await ask("ada", "POST", "/setting-definitions", json={"definition": definition, **WHY})
    assert made.status_code == 201, made.text


@pytest.fixture
def put(ask: Any) -> Any:
    async def sent(value: Any, version: int = 0, environment: str = "dev", **more: Any) -> Any:
        wish = {"value": value, **WHY, **more}
        return await ask("ada", "PUT", at("", environment), json=wish, headers={"If-Match": f'"v{version}"'})

    return sent


@pytest.mark.req("ST80")
class TestSecrets:
    async def test_are_shown_as_a_fingerprint_everywhere(self, defined: None, put: Any, ask: Any) -> None:
        written = await put(PLAIN)
        assert written.status_code == 200, written.text
        fingerprint = written.json()["entries"][0]["value"]["$secret"]
        again = await put(PLAIN, 1)
        assert again.json()["entries"][0]["value"] == {"$secret": fingerprint}
        other = await put("another one entirely", 2)
        assert other.json()["entries"][0]["value"] != {"$secret": fingerprint}
        answers = [written, again, other]
        answers += [await ask("eve", "GET", at(what)) for what in ("", "/effective", "/explain", "/versions")]
        answers.append(await ask("aud", "GET", "/audit-logs?limit=100"))
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert PLAIN not in answer.text
            assert "$sealed" not in answer.text

    async def test_are_read_by_applications_and_that_is_written_down(self, defined: None, put: Any, ask: Any) -> None:
        await put(PLAIN)
        answer = await ask("shop", "POST", at("/reveal"))
        assert (answer.status_code, answer.json()["value"], answer.headers["Cache-Control"]) == (200, PLAIN, "no-store")
        rows = (await ask("aud", "GET", "/audit-logs?action=setting:secret:revealed")).json()["items"]
        assert len(rows) == 1
        for person in ("ada", "root"):
            denied = await ask(person, "POST", at("/reveal"))
            assert (denied.status_code, denied.json()["type"]) == (403, "/problems/only-applications-read")

    async def test_of_a_time_give_way_to_the_one_before(self, defined: None, put: Any, ask: Any) -> None:
        await put(PLAIN)
        assert (await put("for a while", 1, expires_at="2126-01-01T00:00:00Z")).status_code == 200
        assert (await ask("shop", "POST", at("/reveal"))).json()["value"] == "for a while"
        kept = (await ask("eve", "GET", at())).json()["entries"]
        assert [entry["version"] for entry in kept] == [2, 3]

    async def test_cannot_be_guessed_by_a_dry_run(self, defined: None, put: Any, ask: Any) -> None:
        await put(PLAIN)
        items = [{"key": "pay.token", "value": PLAIN}]
        wish = {"environment": "dev", "items": items, "dry_run": True, **WHY}
        answer = await ask("ada", "POST", "/settings/bulk", json=wish)
        assert answer.json()["entries"][0]["value"] == {"$secret": "unknown"}

    async def test_go_back_sealed_anew_and_differ_without_a_word(self, defined: None, put: Any, ask: Any) -> None:
        await put(PLAIN)
        await put("another one", 1)
        diff = await ask("eve", "GET", at("/diff") + "&from=1&to=2")
        assert diff.json()["changes"] == [{"op": "changed", "path": "/value"}]
        wish = {"to_version": 1, **WHY}
        back = await ask("ada", "POST", at("/rollback"), json=wish, headers={"If-Match": '"v2"'})
        assert (back.status_code, PLAIN in back.text) == (200, False), back.text
        assert (await ask("shop", "POST", at("/reveal"))).json()["value"] == PLAIN

    async def test_are_enforced(self, defined: None, put: Any) -> None:
        assert (await put(PLAIN, enforced=True)).status_code == 200

    async def test_are_not_constrained_by_what_anybody_could_read(self, defined: None, put: Any) -> None:
        answer = await put(PLAIN, constraint={"allowed": [PLAIN]})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/constraint")
        assert PLAIN not in answer.text

    async def test_are_inherited(self, defined: None, put: Any, ask: Any) -> None:
        await put(PLAIN)
        assert (await ask("shop", "POST", at("/reveal", scope="company:de"))).json()["value"] == PLAIN

    async def test_wait_for_approval_sealed(self, defined: None, put: Any, ask: Any, world: Any, house: Any) -> None:
        answer = await put(PLAIN, environment="production")
        assert (answer.status_code, PLAIN in answer.text) == (202, False)
        change = answer.json()["submitted"]["approval"]
        shown = await ask("bob", "GET", f"/changes/{change}")
        assert (PLAIN in shown.text, "$sealed" in shown.text) == (False, False)
        async with world.services.store.transaction(house.id) as tx:
            stored = await tx.changes.get(change)
        assert stored.intact
        assert PLAIN not in str(stored.content.to_json())

    @pytest.mark.parametrize("value", ["", 5, None, {"$sealed": "x", "fingerprint": "y", "at": 1}])
    async def test_are_text(self, defined: None, put: Any, value: Any) -> None:
        answer = await put(value)
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/value")

    async def test_that_are_none_are_not_revealed(self, defined: None, ask: Any) -> None:
        missing = await ask("shop", "POST", at("/reveal"))
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/missing")
        plain = {"key": "plain", "type": "string", "default": "x"}
        await ask("ada", "POST", "/setting-definitions", json={"definition": plain, **WHY})
        answer = await ask("shop", "POST", "/settings/plain/reveal?environment=dev")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-a-secret")
