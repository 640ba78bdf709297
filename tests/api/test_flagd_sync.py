"""flagd's sync protocol over loopback, to the stubs that flagd publishes."""

import asyncio
from typing import Any

import grpc.aio  # type: ignore[import-untyped]  # grpcio brings no types along
import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2

from api.flagd import pictures
from application.shared_rules import SharedRules
from domain.instances import LIVE, Wish
from tests.api.flagging import (  # noqa: F401 -- fixtures are found by their names
    CHECKOUT,
    IN,
    Protocol,
    Reader,
    haste,
    reading,
    served,
    status,
    told,
)

Code = grpc.StatusCode
ON = {**CHECKOUT, "defaultVariant": "on"}


@pytest.mark.req("FR-SM-041", "FD-02")
class TestStream:
    async def test_gives_the_whole_set_and_again_whenever_it_changes(self, reader: Reader) -> None:
        protocol = reader.protocol
        rules = {"pro": {"==": [{"var": "plan"}, "pro"]}}
        await SharedRules(protocol.world.services.store).replace(
            protocol.house.ada, IN, rules, expected=0, reason="because of the test"
        )
        stream = reader.mine()
        first = await told(stream)
        name = f"{protocol.house.tenant.slug}/dev"
        assert first == {
            "flags": {"checkout": CHECKOUT},
            "$evaluators": rules,
            "metadata": {"flagSetId": name, "scope": name, "version": first["metadata"]["version"], "bucketing": "v3"},
        }
        for definition in (ON, CHECKOUT):
            revision = await protocol.put(definition)
            next_one = await told(stream)
            assert (next_one["flags"]["checkout"], next_one["metadata"]["version"]) == (definition, revision)
        other = {**CHECKOUT, "variants": {"on": 1.0, "off": 2}, "metadata": {"owner": "shop"}}
        await protocol.put(other, "price")
        answer = await stream.read()
        assert '"on":1.0,' in answer.flag_configuration.replace('"off":2,"on":1.0', '"on":1.0,"off":2')
        assert MessageToDict(answer.sync_context) == {"flagSetId": name}

    async def test_fetching_gives_the_same_once(self, reader: Reader) -> None:
        protocol = reader.protocol
        request = sync_pb2.FetchAllFlagsRequest(selector=protocol.selector)
        metadata = [("x-api-key", protocol.token())]
        answer = await reader.stub.FetchAllFlags(request, metadata=metadata)
        assert orjson.loads(answer.flag_configuration) == await told(reader.mine())

    async def test_who_reads_slowly_is_given_the_newest_and_no_queue(self, reader: Reader) -> None:
        protocol, rounds = reader.protocol, 12
        await self.swell(protocol)
        stream = reader.mine()
        await told(stream)
        for number in range(rounds):
            revision = await protocol.put(CHECKOUT if number % 2 else ON)
        versions = [(await told(stream))["metadata"]["version"]]
        while versions[-1] != revision:
            versions.append((await told(stream))["metadata"]["version"])
        assert versions == sorted(set(versions))
        assert len(versions) < rounds

    async def test_who_does_not_read_at_all_is_let_go(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch, eventually: Any
    ) -> None:
        monkeypatch.setattr("api.flagd.sync._SLOW_SECONDS", 0.3)
        protocol = reader.protocol
        await self.swell(protocol)
        stream = reader.mine()
        await eventually(lambda: protocol.streams == 1)
        await eventually(lambda: protocol.streams == 0)
        stream.cancel()

    async def swell(self, protocol: Protocol) -> None:
        """To more than a connection takes unread."""
        bulk = {str(number): "x" * 9_000 for number in range(6)}
        for number in range(2):
            await protocol.put({**CHECKOUT, "variants": {"on": bulk, "off": {}}}, f"bulk-{number}")

    async def test_a_revision_is_written_once_for_all_who_read_it(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn, made = [], pictures._drawn

        def counted(name: str, shelf: Any) -> Any:
            drawn.append((name, shelf.stored.revision))
            return made(name, shelf)

        monkeypatch.setattr(pictures, "_drawn", counted)
        streams = [reader.mine() for _ in range(20)]
        assert len({str(each) for each in await asyncio.gather(*map(told, streams))}) == 1
        await reader.protocol.put(ON)
        assert {each["flags"]["checkout"]["defaultVariant"] for each in await asyncio.gather(*map(told, streams))} == {
            "on"
        }
        assert len(drawn) == len(set(drawn)) == 2

    async def test_is_told_to_come_again_when_the_server_leaves(self, protocol: Protocol, reader: Reader) -> None:
        stream = reader.mine()
        await told(stream)
        await protocol.close()
        assert await status(stream) == (Code.UNAVAILABLE, "This server leaves; come again.")
        await protocol.open()
        assert (await told(reader.mine()))["flags"]


@pytest.mark.req("FD-03")
class TestAdmission:
    async def test_the_flag_set_is_selected_in_the_header_before_the_field(self, reader: Reader) -> None:
        token, selector = reader.protocol.token(), reader.protocol.selector
        assert (await told(reader.stream(token, flagd_selector=selector)))["flags"]
        both = reader.stream(token, flagd_selector=selector, selector="flagSetId=elsewhere/dev")
        assert (await told(both))["metadata"]["flagSetId"] == selector.removeprefix("flagSetId=")
        slug = reader.protocol.house.tenant.slug
        empty = await told(reader.stream(token, changegate_tenant=slug))
        assert (empty["flags"], empty["metadata"]["flagSetId"]) == ({}, f"{slug}/production")

    async def test_a_token_may_stand_in_the_selector(self, reader: Reader) -> None:
        token, selector = reader.protocol.token(), reader.protocol.selector
        assert (await told(reader.stream(selector=f"{selector},token={token}", provider_id="shop-1")))["flags"]
        bad = reader.stream(selector=f"{selector},token=a.b.c")
        assert (await status(bad))[0] is Code.UNAUTHENTICATED

    async def test_the_providers_id_is_a_token_where_nothing_else_is(self, reader: Reader) -> None:
        token, selector = reader.protocol.token(), reader.protocol.selector
        assert (await told(reader.stream(provider_id=token, selector=selector)))["flags"]
        odd = reader.stream(provider_id=f"{token}\n", selector=selector)
        assert (await status(odd))[0] is Code.INVALID_ARGUMENT

    @pytest.mark.parametrize(
        ("said", "code", "words"),
        [
            ({"token": None}, Code.UNAUTHENTICATED, "Send an access token"),
            ({"token": "a.b.c"}, Code.UNAUTHENTICATED, ""),
            ({"selector": "flagSetId=t/dev/more"}, Code.INVALID_ARGUMENT, "/selector: expected flagSetId="),
            ({"selector": "flagSetId=t\n/dev"}, Code.INVALID_ARGUMENT, "/selector"),
            ({"selector": "source=file"}, Code.INVALID_ARGUMENT, "/selector"),
            ({"selector": ""}, Code.INVALID_ARGUMENT, "/headers/Changegate-Tenant"),
            ({"selector": "flagSetId=nobody-of-the-test/dev"}, Code.UNAUTHENTICATED, "nobody here is known"),
            ({"selector": "flagSetId={slug}/moon"}, Code.NOT_FOUND, "No such thing"),
        ],
    )
    async def test_who_may_not_is_told_why(self, reader: Reader, said: dict[str, Any], code: Any, words: str) -> None:
        protocol = reader.protocol
        asked = {"token": protocol.token(), "selector": protocol.selector, **said}
        slug = protocol.house.tenant.slug
        found, details = await status(reader.stream(asked["token"], selector=asked["selector"].replace("{slug}", slug)))
        assert found is code
        assert words in details

    async def test_who_may_not_evaluate_may_not_read_and_that_is_written_down(self, reader: Reader) -> None:
        protocol = reader.protocol
        await protocol.revoke("eve")
        eve = reader.stream(protocol.token("eve"), selector=protocol.selector)
        assert (await status(eve))[0] is Code.PERMISSION_DENIED

    @pytest.mark.usefixtures("hasty")
    async def test_a_token_that_is_revoked_ends_its_stream(self, reader: Reader) -> None:
        stream, other = reader.mine(), reader.stream(reader.protocol.token("eve"), selector=reader.protocol.selector)
        await asyncio.gather(told(stream), told(other))
        await reader.protocol.revoke()
        assert (await status(stream))[0] is Code.PERMISSION_DENIED
        await reader.protocol.put(ON)
        assert (await told(other))["flags"]["checkout"] == ON

    async def test_a_tenant_has_so_many_streams_and_no_more(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch, eventually: Any
    ) -> None:
        monkeypatch.setattr("api.flagd.sync.MOST_STREAMS", 1)
        first = reader.mine()
        await told(first)
        assert (await status(reader.mine()))[0] is Code.RESOURCE_EXHAUSTED
        assert reader.protocol.streams == 1
        first.cancel()

        async def free() -> bool:
            try:
                return bool(await told(reader.mine()))
            except grpc.aio.AioRpcError:  # the server hears of the end a moment later
                return False

        await eventually(free)

    async def test_there_is_no_metadata_to_get(self, reader: Reader) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reader.stub.GetMetadata(sync_pb2.GetMetadataRequest())
        assert refused.value.code() is Code.UNIMPLEMENTED


@pytest.mark.req("S59", "S60", "FD-04")
class TestInstances:
    @pytest.mark.parametrize("said", [{"changegate_instance": "shop-1"}, {"provider_id": "shop-1"}])
    async def test_a_stream_is_an_instance_that_holds_what_it_was_given(
        self, reader: Reader, ask: Any, said: dict[str, str], eventually: Any
    ) -> None:
        protocol = reader.protocol
        stream = reader.mine(**said)
        await told(stream)
        revision = await protocol.put(ON)
        await told(stream)
        await eventually(lambda: self.held(protocol, ask, {"shop-1": revision}))
        stream.cancel()

    async def test_who_gave_no_name_is_one_as_long_as_it_streams(
        self, reader: Reader, ask: Any, eventually: Any
    ) -> None:
        protocol = reader.protocol
        stream, named = reader.mine(), reader.mine(changegate_instance="shop-1")
        revision = (await told(stream))["metadata"]["version"]
        await told(named)
        await eventually(lambda: self.held(protocol, ask, {"flagd-ipv4:127.0.0.1": revision, "shop-1": revision}))
        stream.cancel()
        named.cancel()
        await eventually(lambda: self.held(protocol, ask, {"shop-1": revision}))

    async def test_a_stage_waits_for_streams_as_for_others(self, reader: Reader, ask: Any, eventually: Any) -> None:
        protocol = reader.protocol
        for name in ("behind", "ahead"):
            wish = {"environment": "dev", "instances": [{"name": name, "flags": 0 if name == "behind" else 9_999}]}
            await ask("shop", "POST", "/instances/acknowledgements", json=wish)
        stream = reader.mine(changegate_instance="shop-1")
        revision = (await told(stream))["metadata"]["version"]
        await eventually(lambda: self.held(protocol, ask, {"ahead": 9_999, "behind": 0, "shop-1": revision}))
        answer = (await ask("eve", "GET", "/instances?environment=dev&limit=2")).json()
        assert (answer["revision"], answer["live"], answer["holding"]) == (revision, 3, 2)
        page = await ask("eve", "GET", f"/instances?environment=dev&cursor={answer['next_cursor']}")
        assert [each["name"] for each in page.json()["items"]] == ["shop-1"]
        house = protocol.house
        async with protocol.world.services.store.transaction(house.id) as tx:
            found = await tx.instances.converged([Wish(house.id, IN, flags=revision)], tx.now - LIVE)
        assert (found.live, found.holding) == (3, 2)
        stream.cancel()

    async def held(self, protocol: Protocol, ask: Any, wanted: dict[str, int]) -> bool:
        await protocol.world.services.sightings.flush()
        found = (await ask("eve", "GET", "/instances?environment=dev")).json()["items"]
        names = {each["name"].rpartition(":")[0] or each["name"]: each["flags"] for each in found}
        return names == wanted
