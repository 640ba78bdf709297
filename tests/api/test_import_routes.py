"""Uploads and imports over HTTP, on the real database; what a worker would do is done by the test, step by step."""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from adapters.memory.secrets import MemorySealer
from application.settings.moving import importing
from domain.canonical import digest_of

WHY = {"reason": "because of the test"}
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["company"]}
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
UPLOADS = "/settings-bundles/uploads"


def bundle(house: Any, count: int = 3, **changed: Any) -> dict[str, Any]:
    lines = [
        {"key": "upload.limit", "scope": f"company:c{n}", "state": "set", "value": n, "enforced": False}
        for n in range(count)
    ]
    content = {
        "format": "changegate.settings", "version": "1.1.0", "tenant": house.tenant.slug, "environment": "dev",
        "definitions": [LIMIT], "values": lines, "flags": [{"key": "checkout", "definition": FLAG}], "evaluators": {},
        "fiscal_calendars": [], **changed,
    }  # fmt: skip
    return {**content, "checksum": digest_of(content)}


@pytest.fixture
def send(ask: Any) -> Any:
    async def sent(content: bytes, handle: str = "ada") -> httpx2.Response:
        answer: httpx2.Response = await ask(handle, "POST", UPLOADS, content=content)
        return answer

    return sent


@pytest.fixture
def bring(ask: Any, send: Any) -> Any:
    """The import that was asked for of an upload of this bundle."""

    async def brought(raw: Any, **more: Any) -> Any:
        upload = (await send(json.dumps(raw).encode())).json()["id"]
        wish = {"environment": "dev", "upload": upload, **WHY, **more}
        asked = await ask("ada", "POST", "/imports", json=wish, headers={"Idempotency-Key": upload})
        assert asked.status_code == 202, asked.text
        return asked.json()

    return brought


@pytest.fixture
def carry_out(world: Any, house: Any) -> Any:
    steps = importing(world.services.store, world.processes, MemorySealer())

    async def carried(record: str) -> None:
        for step in (steps.validate, steps.plan, steps.apply):
            await step(house.id, UUID(record), lambda _: None)
        await steps.finish(house.id, UUID(record))

    return carried


class TestUpload:
    async def test_is_told_by_size_and_digest(self, send: Any, ask: Any) -> None:
        answer = await send(b"x" * 1_500_000)
        assert (answer.status_code, answer.json()["bytes"]) == (201, 1_500_000)
        told = (await ask("aud", "GET", "/audit-logs?action=setting:upload:taken")).json()["items"]
        assert len(told) == 1

    async def test_is_for_who_may_import(self, send: Any) -> None:
        assert (await send(b"{}", "eve")).status_code == 403

    async def test_beyond_64_mebibytes_is_413_and_nothing_is_kept(self, send: Any, world: Any, house: Any) -> None:
        async def endless() -> Any:
            for _ in range(65):
                yield b"x" * 1024 * 1024

        answer = await send(endless())
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
        async with world.services.store.transaction(house.id) as tx:
            assert await tx.uploads.all() == []

    async def test_is_one_of_at_most_twenty(self, send: Any) -> None:
        codes = [(await send(b"{}")).status_code for _ in range(21)]
        assert codes == [201] * 20 + [429]


@pytest.mark.req("FR-SM-031", "ST82")
class TestImport:
    async def test_is_asked_for_watched_and_ends(self, ask: Any, bring: Any, carry_out: Any, house: Any) -> None:
        asked = await bring(bundle(house))
        assert (asked["state"], asked["outcome"], asked["change"]) == ("RUNNING", None, None)
        await carry_out(asked["id"])
        found = (await ask("eve", "GET", f"/imports/{asked['id']}")).json()
        assert (found["state"], found["progress"]["phase"]) == ("APPLIED", "ended")
        assert found["outcome"]["counts"] == {
            "definitions": {"added": 1}, "values": {"added": 3}, "flags": {"added": 1},
            "bookkeeping": {}, "affected": 0,
        }  # fmt: skip
        where = "/settings/upload.limit/effective?environment=dev&scope=company:c2"
        assert (await ask("eve", "GET", where)).json()["value"] == 2
        listed = (await ask("eve", "GET", "/imports")).json()
        assert ([each["id"] for each in listed["items"]], listed["next_cursor"]) == ([asked["id"]], None)

    async def test_sent_again_is_the_same(self, ask: Any, bring: Any, world: Any, house: Any) -> None:
        asked = await bring(bundle(house))
        wish = {"environment": "dev", "upload": asked["upload"], **WHY}
        again = await ask("ada", "POST", "/imports", json=wish, headers={"Idempotency-Key": asked["upload"]})
        assert again.json()["id"] == asked["id"]
        assert [str(call.subject) for call in world.processes.calls if call.verb == "import"].count(asked["id"]) == 1

    @pytest.mark.parametrize(
        ("changed", "path"),
        [({"surprise": []}, "/bundle/surprise"), ({"version": "1"}, "/bundle/version"),
         ({"tenant": "somebody-else"}, "/bundle/tenant"), ({"fiscal_calendars": {}}, "/bundle/fiscal_calendars"),
         ({"values": [{"key": "upload.limit", "scope": "company:x", "state": "set", "value": "x"}]},
          "/bundle/values/0/value")],
    )  # fmt: skip
    async def test_of_another_form_fails_with_every_fault(
        self, ask: Any, bring: Any, carry_out: Any, house: Any, changed: Any, path: str
    ) -> None:
        asked = await bring(bundle(house, **changed))
        await carry_out(asked["id"])
        found = (await ask("eve", "GET", f"/imports/{asked['id']}")).json()
        assert (found["state"], [each["path"] for each in found["outcome"]["refusal"]["faults"]]) == ("FAILED", [path])
        assert (await ask("eve", "GET", "/setting-definitions/upload.limit")).status_code == 404

    async def test_of_what_is_no_json_fails(self, ask: Any, send: Any, carry_out: Any) -> None:
        for content in (b"{", b'{"a":1,"a":2}', b"[NaN]", b"\xff", b"[" * 100_000):
            upload = (await send(content)).json()["id"]
            asked = await ask("ada", "POST", "/imports", json={"environment": "dev", "upload": upload, **WHY})
            await carry_out(asked.json()["id"])
            found = (await ask("eve", "GET", f"/imports/{asked.json()['id']}")).json()
            assert (found["state"], found["outcome"]["refusal"]["kind"]) == ("FAILED", "bundle-not-json"), content[:9]

    async def test_of_an_upload_that_is_not_there_is_404(self, ask: Any) -> None:
        wish = {"environment": "dev", "upload": "0b9f1d0e-0000-4000-8000-000000000000", **WHY}
        assert (await ask("ada", "POST", "/imports", json=wish)).status_code == 404

    async def test_is_cancelled_until_it_has_taken_effect(
        self, ask: Any, bring: Any, carry_out: Any, house: Any
    ) -> None:
        first, second = await bring(bundle(house)), await bring(bundle(house))
        cancelled = await ask("ada", "POST", f"/imports/{first['id']}/cancel", json=WHY)
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
        for each in (first, second):
            await carry_out(each["id"])
        late = await ask("ada", "POST", f"/imports/{second['id']}/cancel", json=WHY)
        assert (late.status_code, late.json()["type"]) == (409, "/problems/import-ended")
        assert len((await ask("aud", "GET", "/audit-logs?action=setting:bundle:imported")).json()["items"]) == 1


class TestProgress:
    async def test_streams_until_it_has_ended(
        self, world: Any, address: str, bring: Any, carry_out: Any, house: Any
    ) -> None:
        asked = await bring(bundle(house))
        headers = world.headers(house, "eve")
        async with httpx2.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=30) as http:
            events = []
            async with http.stream("GET", f"/api/v1/imports/{asked['id']}/progress") as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                async for line in answer.aiter_lines():
                    if line.startswith("event:"):
                        events.append(line.removeprefix("event: "))
                        if len(events) == 1:
                            await carry_out(asked["id"])
        assert (events[0], events[-1]) == ("progress", "ended")


@pytest.mark.req("FR-SM-030", "FR-SM-031")
class TestDrift:
    async def test_is_told_of_a_bundle_or_of_its_upload(self, ask: Any, send: Any, house: Any) -> None:
        raw = bundle(house)
        done = await ask("ada", "POST", "/settings-bundles",
                         json={"environment": "dev", "bundle": raw, "sync": True, **WHY})  # fmt: skip
        assert (done.status_code, done.json()["outcome"], len(done.json()["flags"])) == (200, "applied", 1)
        moved = bundle(house, 2)
        upload = (await send(json.dumps(moved).encode())).json()["id"]
        for question in ({"bundle": moved}, {"upload": upload}):
            told = await ask("eve", "POST", "/settings-bundles/drift", json={"environment": "dev", **question})
            assert told.status_code == 200, told.text
            assert told.json()["base"]["checksum"] == raw["checksum"]
            assert [(each["scope"], each["side"], each["move"], each["stored"][0]["value"])
                    for each in told.json()["items"]] == [("company:c2", "file", "removed", 2)]  # fmt: skip
        for question in ({}, {"bundle": moved, "upload": upload}):
            asked = await ask("eve", "POST", "/settings-bundles/drift", json={"environment": "dev", **question})
            assert asked.status_code == 422
