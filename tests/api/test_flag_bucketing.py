"""The bucketing of a flag set is a change like any other, and everybody who reads the set is told it at once."""

from typing import Any
from uuid import UUID

import pytest
from changegate.flag_document import compiled

from domain.rollouts import State
from tests.api.driving import Drive
from tests.api.flagging import Protocol, served, told  # noqa: F401 -- fixtures are found by their names

WHY = {"reason": "because of the test"}
SPLIT: dict[str, Any] = {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
    "targeting": {"fractional": [["on", 50], ["off", 50]]},
}  # fmt: skip
DEV, PRODUCTION = "/flag-bucketing?environment=dev", "/flag-bucketing?environment=production"
V2, FIRST = {"bucketing": "v2", **WHY}, {"If-Match": '"v0"'}
USERS = [{"targetingKey": f"user-{n}"} for n in range(20)]
CHANGE = {"environment": "production", "key": "$bucketing", "definition": {"version": "v2"}, "base_version": 0,
          "plan": {"strategy": "direct"}, **WHY}  # fmt: skip


@pytest.fixture
def carried_out(ask: Any, world: Any, house: Any) -> Any:
    """Approves what was submitted and does it, as its workflow would."""

    async def carry_out(change: str) -> None:
        for handle in ("bob", "cyd"):
            voted = await ask(handle, "POST", f"/approvals/{change}/approve", json={})
            assert voted.status_code == 200, voted.text
        drive = Drive(world.services.store, house.id, UUID(change))
        assert (await drive.admit()).state is State.RUNNING
        await drive.expose()
        assert await drive.succeed() is State.SUCCEEDED

    return carry_out


@pytest.fixture
def read(ask: Any, world: Any, house: Any, eventually: Any) -> Any:
    """What everybody is served in production once it is split so: by OFREP, the HTTP source and the Python client."""
    place = f"/flagd/v1/{house.tenant.slug}/production/flags.json"
    held: Any = None

    async def reads(bucketing: str) -> tuple[list[str], str, str]:
        nonlocal held

        async def document() -> Any:
            async with world.client(house, "shop") as client:
                answer = await client.get(place)
            return answer if answer.json()["metadata"]["bucketing"] == bucketing else None

        answer = await eventually(document)
        held = compiled(answer.json(), answer.headers["etag"], held)
        headers, arms, tags = {"Changegate-Environment": "production"}, [], []
        for user in USERS:
            bulk = await ask("shop", "POST", "/ofrep/v1/evaluate/flags", json={"context": user}, headers=headers)
            (flag,) = bulk.json()["flags"]
            assert held.flags.evaluate("checkout", user).variant == flag["variant"]
            arms.append(flag["variant"])
            tags.append(bulk.headers["ETag"])
        return arms, answer.headers["etag"], tags[0]

    return reads


@pytest.mark.req("BK1", "BR2", "FD-05")
class TestAsAChange:
    async def test_it_is_proposed_weighed_approved_served_and_taken_back(
        self, ask: Any, read: Any, carried_out: Any
    ) -> None:
        flag = {"environment": "production", "key": "checkout", "definition": SPLIT, **WHY}
        begun = await ask("ada", "POST", "/rollouts", json={**flag, "base_version": 0, "plan": {"strategy": "direct"}})
        await carried_out(begun.json()["change"]["id"])
        first = await read("v3")

        refused = await ask("ada", "PUT", PRODUCTION, json=V2, headers=FIRST)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/approval-required")
        made = await ask("ada", "POST", "/changes", json=CHANGE)
        assert made.status_code == 201, made.text
        change = made.json()["id"]
        weighed = (await ask("eve", "POST", f"/changes/{change}/impact", json={"contexts": USERS})).json()
        (counted,) = weighed["flags"]
        assert (counted["key"], weighed["contexts"]) == ("checkout", 20)
        diff = (await ask("eve", "GET", f"/changes/{change}/diff")).json()
        assert [(each["before"], each["after"]) for each in diff["changes"]] == [("v3", "v2")]
        submitted = await ask("ada", "POST", f"/changes/{change}/submit", headers={"If-Match": '"r1"'})
        assert submitted.status_code == 200, submitted.text
        await carried_out(change)
        other = await read("v2")
        moved = sum(one != two for one, two in zip(first[0], other[0], strict=True))
        assert moved == counted["variants"] > 0
        assert all(one != two for one, two in zip(first[1:], other[1:], strict=True)), "no tag holds any more"

        back = await ask("ada", "POST", f"/changes/{change}/revert", json=WHY)
        assert back.status_code == 202, back.text
        await carried_out(back.json()["submitted"]["change"]["id"])
        assert (await read("v3"))[0] == first[0]
        versions = (await ask("eve", "GET", PRODUCTION.replace("?", "/versions?"))).json()["items"]
        assert [(each["version"], each["bucketing"]) for each in versions] == [(2, "v3"), (1, "v2")]

    async def test_it_has_no_stages(self, ask: Any) -> None:
        answer = await ask("ada", "POST", "/changes", json={**CHANGE, "plan": {"strategy": "canary"}})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-rollable")
        assert [each["path"] for each in answer.json()["faults"]] == ["/definition"]


@pytest.mark.req("BK1", "FD-02")
class TestAtOnce:
    async def test_a_viewer_reads_it_and_whoever_manages_flags_changes_it(self, ask: Any) -> None:
        assert (await ask(None, "GET", DEV)).status_code == 401
        first = await ask("eve", "GET", DEV)
        assert (first.headers["ETag"], first.json()["bucketing"], first.json()["written_at"]) == ('"v0"', "v3", None)
        assert (await ask("eve", "PUT", DEV, json=V2, headers=FIRST)).status_code == 403
        put = await ask("ada", "PUT", DEV, json=V2, headers=FIRST)
        assert (put.status_code, put.headers["ETag"], put.json()["origin"]) == (200, '"v1"', "api")
        seen = (await ask("eve", "GET", DEV)).json()
        assert seen == put.json()
        assert "@openfeature/flagd-core 4.0 for JavaScript" in seen["clients"]
        (event,) = (await ask("aud", "GET", "/audit-logs?action=flagset:bucketing:changed")).json()["items"]
        assert event["after"] == {"version": 1, "definition": {"version": "v2"}}

    async def test_what_is_wrong_changes_nothing(self, ask: Any) -> None:
        assert (await ask("ada", "PUT", DEV, json=V2)).status_code == 428
        assert (await ask("ada", "PUT", DEV, json=V2, headers={"If-Match": '"v1"'})).status_code == 412
        for wish, kind in (({"bucketing": "v3"}, "nothing-changes"), ({"bucketing": "v1"}, "invalid")):
            answer = await ask("ada", "PUT", DEV, json={**wish, **WHY}, headers=FIRST)
            assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{kind}")
            assert [each["path"] for each in answer.json()["faults"]] == ["/bucketing"]
        assert (await ask("eve", "GET", DEV)).json()["version"] == 0

    async def test_it_is_no_flag(self, ask: Any) -> None:
        assert (await ask("ada", "PUT", DEV, json=V2, headers=FIRST)).status_code == 200
        assert (await ask("eve", "GET", "/flags?environment=dev")).json()["items"] == []
        for method, path in (("GET", ""), ("POST", "/kill"), ("POST", "/archive"), ("POST", "/disable")):
            answer = await ask(
                "root", method, f"/flags/$bucketing{path}?environment=dev", json=WHY, headers={"If-Match": '"v1"'}
            )
            assert answer.status_code == 422, (path, answer.text)

    async def test_documents_carry_it_and_come_in_where_it_is_the_same(self, ask: Any) -> None:
        assert (await ask("ada", "PUT", DEV, json=V2, headers=FIRST)).status_code == 200
        document = (await ask("eve", "GET", "/flag-documents?environment=dev")).json()
        assert (document["metadata"]["bucketing"], document["flags"]) == ("v2", {})
        document["flags"] = {"f": SPLIT}
        wish = {"environment": "dev", "format": "flagd", "document": document, **WHY}
        assert (await ask("ada", "POST", "/flag-documents", json=wish)).status_code == 200
        document["metadata"]["bucketing"] = "v3"
        refused = await ask("ada", "POST", "/flag-documents", json=wish)
        (fault,) = refused.json()["faults"]
        assert (refused.status_code, fault["path"]) == (422, "/document/metadata/bucketing")
        assert "$bucketing" in fault["message"]

    async def test_a_stream_is_told(self, ask: Any, protocol: Protocol) -> None:
        async with protocol.reader() as reader:
            stream = reader.mine()
            first = await told(stream)
            assert (await ask("ada", "PUT", DEV, json=V2, headers=FIRST)).status_code == 200
            second = await told(stream)
        assert (first["metadata"]["bucketing"], second["metadata"]["bucketing"]) == ("v3", "v2")
        assert (second["flags"], second["metadata"]["version"]) == (first["flags"], first["metadata"]["version"] + 1)
