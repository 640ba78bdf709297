"""A process or a command that the real PostgreSQL does not let in says why in one sentence, and no secret."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.authority import Authority
from tests.integration.postgres.places import LOGIN, PASSWORD, Place

ROOT = Path(__file__).parents[3]
MIGRATION = ("-c", "from terminal import main; main()", "migrate")
ADMISSION = ("-c", "from terminal import main; main()", "admit", "shop", "root", "--role", "Admin")
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
