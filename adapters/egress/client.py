"""Every outbound call leaves through one door: it connects to the address that was vetted, and follows nobody."""

import asyncio
import ssl
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Final, Self

import httpx2

from adapters.egress.addresses import Address, Resolver, is_spelled_oddly, resolve, vetted
from application.ports.egress import AddressRefused, CallFailed, EgressResponse

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 10.0
BODY_BYTES: Final = 256 * 1024
PORTS: Final = frozenset({443, 8443})


class EgressClient:
    """Answers `application.ports.egress.Egress`.

    `private_hosts` are names (lower case, no port) that the operator trusts to be inside: they may be private, plain
    http and on any port. `allow_loopback` lets loopback be called the same way, for one machine and for tests.
    `body_bytes` is the largest answer that is read.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        private_hosts: Collection[str] = (),
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
        body_bytes: int = BODY_BYTES,
    ) -> None:
        self._loopback = allow_loopback
        self._private = frozenset(private_hosts)
        self._resolve = resolver
        self._total = total_seconds
        self._largest = body_bytes
        # A bare transport has no redirects, cookies, netrc or proxies. No connection is kept: the pool is keyed by
        # address, and a connection that proved one name must not carry a request for another.
        self._transport = httpx2.AsyncHTTPTransport(
            verify=tls or True, trust_env=False, limits=httpx2.Limits(max_connections=20, max_keepalive_connections=0)
        )

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> EgressResponse:
        target = _parsed(url)
        try:
            async with asyncio.timeout(self._total):
                addresses = await self._vet(target)
                return await self._send(_request(method, target, headers or {}, body), addresses)
        except TimeoutError:
            raise CallFailed(reason="timeout", host=target.host) from None
        except UnicodeError:  # a label that DNS cannot hold
            raise AddressRefused(reason="malformed", host=target.host) from None
        except (httpx2.HTTPError, OSError) as error:
            raise CallFailed(reason=_reason(error), host=target.host) from None

    async def _vet(self, target: httpx2.URL) -> tuple[Address, ...]:
        host, private = _wire_name(target), target.host in self._private
        port = target.port or (443 if target.scheme == "https" else 80)
        addresses = vetted(host, await self._resolve(host, port), loopback=self._loopback, private=private)
        inside = private or (self._loopback and all(address.is_loopback for address in addresses))
        if target.scheme != "https" and not inside:
            raise AddressRefused(reason="not-https", host=host)
        if port not in PORTS and not inside:
            raise AddressRefused(reason="port", host=host)
        return addresses

    async def _send(self, request: httpx2.Request, addresses: tuple[Address, ...]) -> EgressResponse:
        named = request.url
        for address in addresses[:-1]:
            request.url = named.copy_with(host=str(address))
            try:
                return await self._exchange(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # nothing was sent: the next address may answer
        request.url = named.copy_with(host=str(addresses[-1]))
        return await self._exchange(request)

    async def _exchange(self, request: httpx2.Request) -> EgressResponse:
        response = await self._transport.handle_async_request(request)
        host = request.headers["host"]
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise CallFailed(reason="compressed", host=host)
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > self._largest:
                    raise CallFailed(reason="too-large", host=host)
        finally:
            await response.aclose()
        return EgressResponse(response.status_code, dict(response.headers), bytes(body))

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _parsed(url: str) -> httpx2.URL:
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        raise AddressRefused(reason="malformed") from None
    if target.scheme not in {"https", "http"} or not target.host:
        raise AddressRefused(reason="malformed")
    if target.userinfo:
        raise AddressRefused(reason="credentials", host=target.host)
    if is_spelled_oddly(target.host):
        raise AddressRefused(reason="odd-spelling", host=target.host)
    return target


def _request(method: str, target: httpx2.URL, headers: Mapping[str, str], body: bytes | None) -> httpx2.Request:
    # Host is written from the named URL here; the name also goes into SNI and is what the certificate must say.
    fixed = {"user-agent": "changegate", "accept-encoding": "identity", "connection": "close"}
    given = {name.lower(): value for name, value in headers.items() if name.lower() != "host"}
    timeout = httpx2.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS).as_dict()
    return httpx2.Request(
        method,
        target,
        headers={**given, **fixed},
        content=body,
        extensions={"timeout": timeout, "sni_hostname": _wire_name(target)},
    )


def _wire_name(target: httpx2.URL) -> str:
    """The host in its ASCII form (IDNA 2008): one name is resolved, asked for and certified."""
    return target.raw_host.decode("ascii")


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "timeout"
    if isinstance(error, httpx2.ConnectError):
        return "no-connection"
    return "no-such-host" if isinstance(error, OSError) else "broken"
