"""Engine, listener and migration shake hands before the real PostgreSQL as the address asks, or say nothing."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.engine import connect
from adapters.postgres.listener import Listener
from adapters.postgres.schema import migrate
from tests.authority import Authority
from tests.integration.postgres.places import LOGIN, Place


async def ask(url: str) -> None:
    engine = connect(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT current_user::text")) == LOGIN
    finally:
        await engine.dispose()


async def hear(url: str) -> None:
    """The first news says that the line stands; a line that does not is tried again, and its reason logged."""
    listener = Listener(url)
    news = listener.flags.listen()
    with structlog.testing.capture_logs() as logs:
        first = asyncio.ensure_future(anext(news))
        while not first.done() and not logs:
            await asyncio.wait({first}, timeout=0.05)
    try:
        if logs:
            raise ConnectionError(logs[0]["error"])
        assert await first is None
        assert listener.alive
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await news.aclose()  # type: ignore[attr-defined]  # an async generator is


WAYS = pytest.mark.parametrize("way", [ask, hear, migrate])
Way = Callable[[str], Awaitable[None]]


async def refused(place: Place, way: Way, url: str) -> None:
    with pytest.raises((ssl.SSLCertVerificationError, ConnectionError), match=r"certificate verify failed|^SSLCert"):
        await way(url)
    assert place.untold


@WAYS
class TestServer:
    async def test_one_that_our_authority_signed_for_its_name_is_spoken_to(
        self, place: Place, way: Way, ours: Authority
    ) -> None:
        await way(place.url(sslmode="verify-full", sslrootcert=ours.certificate))
        assert place.front.encrypted
        assert not place.front.plain

    @pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
    async def test_one_that_another_authority_signed_is_told_nothing(
        self, place: Place, way: Way, strangers: Authority, mode: str
    ) -> None:
        await refused(place, way, place.url(sslmode=mode, sslrootcert=strangers.certificate))

    @pytest.mark.parametrize("words", [{}, {"sslrootcert": "system"}])
    async def test_one_that_no_authority_of_the_system_signed_is_told_nothing(
        self, place: Place, way: Way, words: dict[str, str]
    ) -> None:
        await refused(place, way, place.url(sslmode="verify-full", **words))

    async def test_one_that_has_another_name_is_told_nothing(self, place: Place, way: Way, ours: Authority) -> None:
        await refused(place, way, place.url("localhost", sslmode="verify-full", sslrootcert=ours.certificate))

    async def test_its_name_does_not_matter_to_verify_ca(self, place: Place, way: Way, ours: Authority) -> None:
        await way(place.url("localhost", sslmode="verify-ca", sslrootcert=ours.certificate))
        assert place.front.encrypted


@WAYS
class TestMode:
    @pytest.mark.parametrize("words", [{"sslmode": "require"}, {"ssl": "require"}, {"sslmode": "prefer"}, {}])
    async def test_a_line_is_encrypted_when_nobody_must_prove_anything(
        self, place: Place, way: Way, words: dict[str, str]
    ) -> None:
        await way(place.url(**words))
        assert place.front.encrypted
        assert not place.front.plain

    async def test_a_line_is_plain_when_that_is_asked_for(self, place: Place, way: Way) -> None:
        await way(place.url(sslmode="disable"))
        assert place.front.plain
        assert not place.front.encrypted

    async def test_prefer_goes_on_without(self, deaf: Place, way: Way) -> None:
        await way(deaf.url(sslmode="prefer"))
        assert deaf.front.plain

    async def test_require_does_not(self, deaf: Place, way: Way) -> None:
        with pytest.raises(ConnectionError):
            await way(deaf.url(sslmode="require"))
        assert deaf.untold


@WAYS
class TestClient:
    async def test_one_that_shows_its_certificate_is_let_in(self, guarded: Place, way: Way, ours: Authority) -> None:
        shown = ours.identity("changegate")
        files: dict[str, Any] = {"sslrootcert": ours.certificate, "sslcert": shown.certificate, "sslkey": shown.key}
        await way(guarded.url(sslmode="verify-full", **files))
        assert guarded.front.encrypted

    async def test_its_key_may_stand_in_the_same_file(
        self, guarded: Place, way: Way, ours: Authority, tmp_path: Path
    ) -> None:
        shown, both = ours.identity("changegate"), tmp_path / "both.pem"
        both.write_text(shown.certificate.read_text() + shown.key.read_text())
        await way(guarded.url(sslmode="require", sslcert=both))
        assert guarded.front.encrypted

    async def test_one_that_shows_none_is_refused(self, guarded: Place, way: Way) -> None:
        with pytest.raises((OSError, DBAPIError)):
            await way(guarded.url(sslmode="require"))
        assert guarded.untold

    async def test_one_that_a_stranger_signed_is_refused(self, guarded: Place, way: Way, strangers: Authority) -> None:
        shown = strangers.identity("changegate")
        with pytest.raises((OSError, DBAPIError)):
            await way(guarded.url(sslmode="require", sslcert=shown.certificate, sslkey=shown.key))
        assert guarded.untold
