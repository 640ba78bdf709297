import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.egress.client import BODY_BYTES, EgressClient
from application.ports.egress import AddressRefused, CallFailed
from tests.unit.egress.origin import Origin, answering


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    origin = Origin()
    async with origin.opened():
        yield origin


class TestConnection:
    async def test_a_private_host_that_the_operator_names_is_called(self, origin: Origin) -> None:
        async with EgressClient(private_hosts={"metrics"}, resolver=answering(["127.0.0.1"])) as client:
            answer = await client.request("GET", f"http://metrics:{origin.port}/q?a=1")
        assert (answer.status, answer.body) == (200, b"ok")

    async def test_the_name_stays_in_the_host_header(self, origin: Origin) -> None:
        async with EgressClient(private_hosts={"metrics"}, resolver=answering(["127.0.0.1"])) as client:
            await client.request("GET", f"http://metrics:{origin.port}/q?a=1", headers={"Host": "other"})
        assert origin.heads[0].startswith("GET /q?a=1 HTTP/1.1\r\n")
        assert f"host: metrics:{origin.port}\r\n" in origin.heads[0].lower()
        assert "other" not in origin.heads[0]

    async def test_a_name_is_resolved_in_the_form_that_is_on_the_wire(self, origin: Origin) -> None:
        asked: list[str] = []

        async def here(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"]

        async with EgressClient(allow_loopback=True, resolver=here) as client:
            await client.request("GET", f"http://bücher.example:{origin.port}/")
        assert asked == ["xn--bcher-kva.example"]
        assert "host: xn--bcher-kva.example" in origin.heads[0].lower()

    async def test_a_resolver_that_changes_its_mind_does_not_matter(self, origin: Origin) -> None:
        asked: list[str] = []

        async def rebinding(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        async with EgressClient(allow_loopback=True, resolver=rebinding) as client:
            await client.request("GET", f"http://rebind.example.com:{origin.port}/")
            with pytest.raises(AddressRefused):
                await client.request("GET", f"http://rebind.example.com:{origin.port}/")
        assert asked == ["rebind.example.com"] * 2
        assert len(origin.heads) == 1

    async def test_the_next_address_is_tried_when_nobody_listens_at_the_first(self, origin: Origin) -> None:
        client = EgressClient(allow_loopback=True, resolver=answering(["::1", "127.0.0.1"]))
        async with client:
            assert (await client.request("GET", f"http://two.example.com:{origin.port}/")).status == 200

    async def test_a_redirect_to_a_private_address_is_not_followed(self, origin: Origin) -> None:
        elsewhere = f"http://127.0.0.1:{origin.port}/secret"
        origin.answer = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
        async with EgressClient(allow_loopback=True) as client:
            answer = await client.request("GET", f"http://127.0.0.1:{origin.port}/")
        assert answer.status == 302
        assert len(origin.heads) == 1

    async def test_a_cookie_is_not_kept(self, origin: Origin) -> None:
        origin.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        async with EgressClient(allow_loopback=True) as client:
            for _ in range(2):
                await client.request("GET", f"http://127.0.0.1:{origin.port}/")
        assert "cookie" not in origin.heads[1].lower()

    async def test_a_proxy_of_the_environment_is_not_used(
        self, origin: Origin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with EgressClient(allow_loopback=True) as client:
            assert (await client.request("GET", f"http://127.0.0.1:{origin.port}/")).status == 200


class TestAnswer:
    async def failure(self, origin: Origin, client: EgressClient) -> object:
        async with client:
            with pytest.raises(CallFailed) as failed:
                await client.request("POST", f"http://127.0.0.1:{origin.port}/", body=b"{}")
        return failed.value.facts["reason"]

    async def test_a_large_body_is_cut_off(self, origin: Origin) -> None:
        origin.answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (BODY_BYTES + 1)
        assert await self.failure(origin, EgressClient(allow_loopback=True)) == "too-large"

    async def test_a_body_at_the_cap_is_read(self, origin: Origin) -> None:
        origin.answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * BODY_BYTES
        async with EgressClient(allow_loopback=True) as client:
            assert len((await client.request("GET", f"http://127.0.0.1:{origin.port}/")).body) == BODY_BYTES

    async def test_a_compressed_body_is_not_unpacked(self, origin: Origin) -> None:
        origin.answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
        assert await self.failure(origin, EgressClient(allow_loopback=True)) == "compressed"

    async def test_silence_ends_at_the_total_time(self, origin: Origin) -> None:
        origin.answer = b""
        silent = await asyncio.start_server(_silence, "127.0.0.1", 0)
        origin.port = silent.sockets[0].getsockname()[1]
        async with silent:
            assert await self.failure(origin, EgressClient(allow_loopback=True, total_seconds=0.2)) == "timeout"

    async def test_something_that_is_not_http_is_a_failure(self, origin: Origin) -> None:
        origin.answer = b"220 mail ready\r\n\r\n"
        assert await self.failure(origin, EgressClient(allow_loopback=True)) == "broken"

    async def test_nobody_listening_is_a_failure(self, origin: Origin) -> None:
        origin.port = 1
        assert await self.failure(origin, EgressClient(allow_loopback=True)) == "no-connection"

    async def test_an_unknown_host_is_a_failure(self) -> None:
        async def nowhere(_host: str, _port: int) -> Sequence[str]:
            raise OSError

        async with EgressClient(resolver=nowhere) as client:
            with pytest.raises(CallFailed):
                await client.request("GET", "https://nowhere.example.com/")


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
