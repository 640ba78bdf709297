import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.egress.client import BODY_BYTES, EgressClient
from application.ports.egress import AddressRefused, CallFailed

LONG_LABEL = f"https://{'a' * 64}.example.com/"


@dataclass
class Origin:
    """A real HTTP server on loopback that answers the same bytes to everybody and remembers the request heads."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    heads: list[str] = field(default_factory=list)
    port: int = 0

    async def on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    origin = Origin()
    server = await asyncio.start_server(origin.on_connection, "127.0.0.1", 0)
    origin.port = server.sockets[0].getsockname()[1]
    async with server:
        yield origin


def answering(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that gives one answer after the other and then repeats the last."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def reason_of(client: EgressClient, url: str) -> object:
    async with client:
        with pytest.raises(AddressRefused) as refused:
            await client.request("GET", url)
    return refused.value.facts["reason"]


class TestAddress:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "::1",
            "169.254.169.254",
            "0.0.0.0",  # noqa: S104 - refused, not bound
            "::",
            "10.0.0.8",
            "172.16.3.4",
            "192.168.1.1",
            "100.64.0.1",
            "224.0.1.1",
            "ff0e::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:102:304::80ff:fffe",
        ],
    )
    async def test_an_address_that_is_not_public_is_refused_behind_a_name(self, address: str) -> None:
        client = EgressClient(resolver=answering([address]))
        assert await reason_of(client, "https://hooks.example.com/x") == "not-public"

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "0.0.0.0", "[::ffff:7f00:1]"])  # noqa: S104 - refused, not bound
    async def test_a_literal_address_that_is_not_public_is_refused(self, host: str) -> None:
        assert await reason_of(EgressClient(), f"https://{host}/") == "not-public"

    async def test_localhost_is_refused(self) -> None:
        assert await reason_of(EgressClient(), "https://localhost/") == "not-public"

    @pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1."])
    async def test_a_number_in_an_odd_spelling_is_refused(self, host: str) -> None:
        assert await reason_of(EgressClient(), f"https://{host}/") in {"odd-spelling", "malformed"}

    async def test_a_name_without_an_address_is_refused(self) -> None:
        assert await reason_of(EgressClient(resolver=answering([])), "https://hooks.example.com/") == "no-address"

    async def test_one_private_address_among_public_ones_is_enough_to_refuse(self) -> None:
        client = EgressClient(resolver=answering(["93.184.215.14", "10.0.0.1"]))
        assert await reason_of(client, "https://hooks.example.com/") == "not-public"

    async def test_an_operator_may_not_name_the_metadata_address_either(self) -> None:
        client = EgressClient(private_hosts={"metrics"}, resolver=answering(["169.254.169.254"]))
        assert await reason_of(client, "http://metrics:9090/") == "not-public"

    async def test_loopback_that_is_allowed_does_not_allow_private(self) -> None:
        client = EgressClient(allow_loopback=True, resolver=answering(["10.0.0.1"]))
        assert await reason_of(client, "http://inside.example.com/") == "not-public"


class TestScheme:
    async def test_plain_http_is_refused_outside(self) -> None:
        client = EgressClient(allow_loopback=True, resolver=answering(["93.184.215.14"]))
        assert await reason_of(client, "http://hooks.example.com/") == "not-https"

    async def test_an_unusual_port_is_refused_outside(self) -> None:
        client = EgressClient(resolver=answering(["93.184.215.14"]))
        assert await reason_of(client, "https://hooks.example.com:6379/") == "port"

    async def test_credentials_in_the_address_are_refused(self) -> None:
        assert await reason_of(EgressClient(), "https://user:word@hooks.example.com/") == "credentials"

    @pytest.mark.parametrize(
        "url",
        ["file:///etc/passwd", "gopher://x/", "hooks.example.com", "https://", "", "//x", "https://a..b/", LONG_LABEL],
    )
    async def test_anything_but_an_http_address_is_refused(self, url: str) -> None:
        assert await reason_of(EgressClient(), url) == "malformed"


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


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name` with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + signed.public_bytes(serialization.Encoding.PEM)
    path = folder / f"{name}.pem"
    path.write_bytes(pem)
    return path


class TestTls:
    @pytest.fixture
    async def named(self, tmp_path: Path) -> AsyncIterator[tuple[Origin, ssl.SSLContext]]:
        pem = certificate(tmp_path, "hooks.example.com")
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(pem)
        origin = Origin()
        server = await asyncio.start_server(origin.on_connection, "127.0.0.1", 0, ssl=serving)
        origin.port = server.sockets[0].getsockname()[1]
        async with server:
            yield origin, ssl.create_default_context(cafile=str(pem))

    async def test_the_certificate_is_checked_against_the_name(self, named: tuple[Origin, ssl.SSLContext]) -> None:
        origin, trust = named
        async with EgressClient(allow_loopback=True, resolver=answering(["127.0.0.1"]), tls=trust) as client:
            assert (await client.request("GET", f"https://hooks.example.com:{origin.port}/")).status == 200

    async def test_a_certificate_for_another_name_is_refused(self, named: tuple[Origin, ssl.SSLContext]) -> None:
        origin, trust = named
        async with EgressClient(allow_loopback=True, resolver=answering(["127.0.0.1"]), tls=trust) as client:
            with pytest.raises(CallFailed):
                await client.request("GET", f"https://other.example.com:{origin.port}/")
        assert origin.heads == []
