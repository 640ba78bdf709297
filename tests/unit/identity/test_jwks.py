import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.egress.client import EgressClient
from adapters.identity.jwks import FIRST_PAUSE_SECONDS, PAUSE_SECONDS, SET_BYTES, TTL_SECONDS, KeyCache, keys_of
from adapters.identity.keys import public_jwk
from adapters.identity.tokens import IssuerConfig, TokenInvalid, TokenVerifier

ISSUER = "https://id.example.com"
OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
OLD_JWK, NEW_JWK = public_jwk(OLD.public_key()), public_jwk(NEW.public_key())


@dataclass
class Provider:
    """A real identity provider's key address on loopback."""

    body: bytes = json.dumps({"keys": [OLD_JWK]}).encode()
    status: str = "200 OK"
    fetches: int = 0
    port: int = 0
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"

    async def on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.fetches += 1
        self.asked.set()
        await self.answering.wait()
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n\r\n".encode() + self.body)
        await writer.drain()
        writer.close()


@dataclass
class Clock:
    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    provider.answering.set()
    server = await asyncio.start_server(provider.on_connection, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    async with server:
        yield provider


@pytest.fixture
async def keys(clock: Clock) -> AsyncIterator[KeyCache]:
    async with EgressClient(allow_loopback=True) as egress:
        yield KeyCache(egress, clock)


def verifier(provider: Provider, keys: KeyCache) -> TokenVerifier:
    config = IssuerConfig(ISSUER, "changegate", frozenset({"EdDSA"}), jwks_url=provider.url)
    return TokenVerifier({ISSUER: config}, keys)


def token(key: Ed25519PrivateKey = OLD, kid: str | None = None) -> str:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": "changegate", "sub": "ada", "iat": now, "nbf": now, "exp": now + 300}
    named = kid or public_jwk(key.public_key())["kid"]
    return jwt.encode(said, key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": named})


class TestKeyCache:
    async def test_a_hundred_callers_are_one_fetch(self, provider: Provider, keys: KeyCache) -> None:
        verify = verifier(provider, keys).verify
        people = await asyncio.gather(*(verify(token()) for _ in range(100)))
        assert {claims.subject for claims in people} == {"ada"}
        assert provider.fetches == 1

    async def test_a_storm_of_unknown_keys_is_at_most_one_fetch(self, provider: Provider, keys: KeyCache) -> None:
        verify = verifier(provider, keys).verify
        refused = await asyncio.gather(*(verify(token(kid=f"k{n}")) for n in range(100)), return_exceptions=True)
        assert all(isinstance(error, TokenInvalid) for error in refused)
        assert provider.fetches == 1

    async def test_an_unknown_key_is_looked_for_again_after_a_minute(
        self, provider: Provider, keys: KeyCache, clock: Clock
    ) -> None:
        verify = verifier(provider, keys).verify
        await verify(token())
        provider.body = json.dumps({"keys": [OLD_JWK, NEW_JWK]}).encode()
        with pytest.raises(TokenInvalid):
            await verify(token(NEW))
        clock.at += PAUSE_SECONDS
        assert (await verify(token(NEW))).subject == "ada"
        assert provider.fetches == 2

    async def test_a_withdrawn_key_is_gone_when_the_set_is_old(
        self, provider: Provider, keys: KeyCache, clock: Clock
    ) -> None:
        verify = verifier(provider, keys).verify
        await verify(token())
        provider.body = json.dumps({"keys": [NEW_JWK]}).encode()
        clock.at += TTL_SECONDS
        with pytest.raises(TokenInvalid):
            await verify(token(OLD))
        assert (await verify(token(NEW))).subject == "ada"

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            ("503 Service Unavailable", b""),
            ("302 Found", b""),
            ("200 OK", b"<html>"),
            ("200 OK", b"[]"),
            ("200 OK", b'{"keys": 7}'),
            ("200 OK", b'{"keys": []}'),
            ("200 OK", b'{"keys": [7, null, {"kid": "x", "kty": []}]}'),
            ("200 OK", b"[" * 60_000),
            ("200 OK", json.dumps({"keys": [NEW_JWK], "note": "x" * SET_BYTES}).encode()),
        ],
    )
    async def test_the_last_good_set_is_kept(
        self, provider: Provider, keys: KeyCache, clock: Clock, status: str, body: bytes
    ) -> None:
        verify = verifier(provider, keys).verify
        await verify(token())
        provider.status, provider.body = status, body
        clock.at += TTL_SECONDS
        assert (await verify(token())).subject == "ada"
        assert provider.fetches == 2
        assert keys.age(provider.url) == TTL_SECONDS

    async def test_a_provider_that_is_down_at_first_is_asked_again_soon(
        self, provider: Provider, keys: KeyCache, clock: Clock
    ) -> None:
        verify = verifier(provider, keys).verify
        provider.status = "503 Service Unavailable"
        for _ in range(5):
            with pytest.raises(TokenInvalid):
                await verify(token())
        assert provider.fetches == 1
        provider.status = "200 OK"
        clock.at += FIRST_PAUSE_SECONDS
        assert (await verify(token())).subject == "ada"

    async def test_a_known_key_does_not_wait_for_a_slow_provider(
        self, provider: Provider, keys: KeyCache, clock: Clock
    ) -> None:
        verify = verifier(provider, keys).verify
        await verify(token())
        clock.at += TTL_SECONDS
        provider.answering.clear()
        provider.asked.clear()
        slow = asyncio.create_task(verify(token(kid="unknown")))
        await provider.asked.wait()
        assert (await verify(token())).subject == "ada"
        assert not slow.done()
        provider.answering.set()
        with pytest.raises(TokenInvalid):
            await slow


class TestKeysOf:
    @pytest.mark.parametrize(
        "jwk",
        [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
            {**OLD_JWK, "kid": None},
            {**OLD_JWK, "use": "enc"},
            {**OLD_JWK, "alg": "HS256"},
            {**OLD_JWK, "alg": {}},
            {**OLD_JWK, "crv": []},
            {**OLD_JWK, "x": "!"},
            {**OLD_JWK, "d": "c2VjcmV0"},
            {"kty": "RSA", "kid": "x", "n": "AQAB"},
            "a string",
        ],
    )
    def test_a_key_that_is_not_usable_is_left_out(self, jwk: Any) -> None:
        assert list(keys_of([jwk, NEW_JWK])) == [NEW_JWK["kid"]]
