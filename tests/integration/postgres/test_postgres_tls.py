"""Engine, listener and migration shake hands before the real PostgreSQL as the address asks, or say nothing."""

import asyncio
import ipaddress
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import asyncpg
import pytest
import structlog
from cryptography import x509
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from adapters.embedded.stack import Stack
from adapters.postgres.engine import connect
from adapters.postgres.listener import Listener
from adapters.postgres.schema import create_login, migrate
from tests.authority import Authority, Identity
from tests.integration.postgres.encrypting import Front, front

ROOT = Path(__file__).parents[3]
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
LOGIN = "known_by_password"
PASSWORD = "p/w?d#@: %1+é"
"""Nothing but characters that mean something in an address."""


@dataclass(frozen=True)
class Place:
    """A front, and a superuser's login behind it."""

    front: Front

    def url(self, host: str = "127.0.0.1", **words: object) -> str:
        query = urlencode({name: str(value) for name, value in words.items()})
        return f"postgresql://{LOGIN}:{quote(PASSWORD, safe='')}@{host}:{self.front.port}/postgres?{query}"

    @property
    def untold(self) -> bool:
        return not self.front.encrypted and not self.front.plain


@pytest.fixture(scope="module")
def server(ours: Authority) -> Identity:
    """It may serve as 127.0.0.1, and not as localhost, where it answers as well."""
    return ours.identity("postgres.example.com", LOOPBACK)


@pytest.fixture
async def behind(stack: Stack, database_url: str) -> str:
    owner = stack.endpoints.database_superuser_url
    await create_login(owner, LOGIN, PASSWORD)
    connection = await asyncpg.connect(owner)
    await connection.execute(f"ALTER ROLE {LOGIN} SUPERUSER")
    await connection.close()
    return urlsplit(owner).netloc.rpartition("@")[2]


@pytest.fixture
async def place(behind: str, server: Identity) -> AsyncIterator[Place]:
    """Whoever calls is let in."""
    async with front(behind, server) as opened:
        yield Place(opened)


@pytest.fixture
async def guarded(behind: str, server: Identity, ours: Authority) -> AsyncIterator[Place]:
    """Only whom our authority signed is let in."""
    async with front(behind, server, clients_of=ours.certificate) as opened:
        yield Place(opened)


@pytest.fixture
async def deaf(behind: str) -> AsyncIterator[Place]:
    """TLS is declined."""
    async with front(behind, None) as opened:
        yield Place(opened)


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


MIGRATION = ("-c", "from bootstrap import main; main()", "migrate")
ADMISSION = ("-c", "from bootstrap import main; main()", "admit", "shop", "root", "--role", "Admin")
COMMANDS = pytest.mark.parametrize(
    ("process", "setting"),
    [(MIGRATION, "CHANGEGATE_OWNER_DATABASE_URL"), (ADMISSION, "CHANGEGATE_DATABASE_URL")],
    ids=["migrate", "admit"],
)
PROCESSES = pytest.mark.parametrize(
    "process", [("worker.py",), ("-m", "uvicorn", "bootstrap:api", "--factory"), MIGRATION]
)


async def started(process: tuple[str, ...], folder: Path, **environment: str) -> tuple[int | None, str, str]:
    """Its exit code and what it said; the front goes on answering meanwhile."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CHANGEGATE_")}
    ended = await asyncio.create_subprocess_exec(
        *(sys.executable, *process),
        cwd=ROOT,
        env=bare | {"CHANGEGATE_KEYS": str(folder / "keys")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said, complained = await ended.communicate()
    return ended.returncode, said.decode(), complained.decode().strip()


class TestStart:
    @PROCESSES
    async def test_without_its_authority_it_says_which_setting_names_it(
        self, process: tuple[str, ...], tmp_path: Path
    ) -> None:
        setting = "CHANGEGATE_OWNER_DATABASE_URL" if process is MIGRATION else "CHANGEGATE_DATABASE_URL"
        absent = tmp_path / "absent.crt"
        plain = {"CHANGEGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1/none"}
        bad = {setting: f"postgresql://nobody:hidden@127.0.0.1/none?sslmode=verify-full&sslrootcert={absent}"}
        sentence = f"{setting} names {absent} as sslrootcert, which cannot be read: No such file or directory."
        assert await started(process, tmp_path, **plain | bad) == (1, "", sentence)

    @PROCESSES
    async def test_with_settings_of_no_use_it_says_each(self, process: tuple[str, ...], tmp_path: Path) -> None:
        faults = {"CHANGEGATE_SMTP_PORT": "hidden", "CHANGEGATE_EMBEDDED_ISSUER": "hidden"}
        code, said, sentences = await started(process, tmp_path, **faults)
        assert (code, said) == (1, "")
        named = {line.split(" ")[0] for line in sentences.splitlines()}
        assert named == {"CHANGEGATE_DATABASE_URL", *faults}
        assert "hidden" not in sentences

    async def test_a_migration_that_may_not_trust_the_server_says_why(
        self, place: Place, strangers: Authority, tmp_path: Path
    ) -> None:
        url = place.url(sslmode="verify-full", sslrootcert=strangers.certificate)
        both = {"CHANGEGATE_DATABASE_URL": url, "CHANGEGATE_OWNER_DATABASE_URL": url}
        code, said, sentence = await started(MIGRATION, tmp_path, **both)
        assert (code, said, len(sentence.splitlines())) == (1, "", 1)
        assert sentence.startswith("CHANGEGATE_OWNER_DATABASE_URL: PostgreSQL cannot be reached: ")
        assert "certificate verify failed" in sentence


@COMMANDS
class TestNotLetIn:
    """A person at a terminal reads one sentence, and no password."""

    async def told(self, process: tuple[str, ...], setting: str, url: str, folder: Path) -> str:
        both = {"CHANGEGATE_DATABASE_URL": url, "CHANGEGATE_OWNER_DATABASE_URL": url}
        code, said, sentence = await started(process, folder, **both)
        assert (code, said, len(sentence.splitlines())) == (1, "", 1)
        assert PASSWORD not in sentence
        assert quote(PASSWORD, safe="") not in sentence
        return sentence.removeprefix(f"{setting}: PostgreSQL ")

    async def test_by_a_wrong_password(
        self, place: Place, process: tuple[str, ...], setting: str, tmp_path: Path
    ) -> None:
        url = place.url().replace(f":{quote(PASSWORD, safe='')}@", ":wrong-and-hidden@")
        reason = f'does not let us in: password authentication failed for user "{LOGIN}".'
        assert await self.told(process, setting, url, tmp_path) == reason

    async def test_without_a_database_of_that_name(
        self, place: Place, process: tuple[str, ...], setting: str, tmp_path: Path
    ) -> None:
        url = place.url().replace("/postgres?", "/nowhere?")
        reason = 'does not let us in: database "nowhere" does not exist.'
        assert await self.told(process, setting, url, tmp_path) == reason

    async def test_without_a_certificate(
        self, guarded: Place, process: tuple[str, ...], setting: str, tmp_path: Path
    ) -> None:
        sentence = await self.told(process, setting, guarded.url(sslmode="require"), tmp_path)
        assert sentence.startswith("cannot be reached: ")
        assert guarded.untold

    async def test_where_nobody_answers(
        self, place: Place, process: tuple[str, ...], setting: str, tmp_path: Path
    ) -> None:
        url = place.url().replace(f":{place.front.port}/", ":1/")
        assert (await self.told(process, setting, url, tmp_path)).startswith("cannot be reached: ")
