"""Each page about a strategy or a moment is one program that runs as it is written, at an installation just started."""

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.embedded.ports import Ports
from cli.seed import TENANT
from tests.chaos.conftest import free_port
from tests.e2e.terminal import ROOT, Person, changegate
from tests.pages import played, program_of

PAGES = ROOT / "docs" / "howto"
LONGEST_SECONDS = 240
WORDS = {
    "direct": ("BAKING stage 1  100 %  all stages passed", "SUCCEEDED: completed"),
    "canary": (
        "RUNNING stage 2  50 %  gate passed", "SUCCEEDED: completed", "check 3: ",
        "ROLLING_BACK stage 1  10 %  gate failed", "ROLLED_BACK: gate failed", "it ended with 1",
    ),
    "blue-green": (
        "CANCELLED: pre gate failed", "it ended with 3", "\nold\nnew\n", "ROLLED_BACK: rollback by operator",
        "it ended with 1",
    ),
    "schedule-a-change": (
        "SCHEDULED  0 %  waits until due  starts at ", "sale-banner in dev, at ", "QUEUED  0 %  start by operator",
        "SUCCEEDED: completed", "WITHDRAWN",
    ),
    "rolling": (
        "RUNNING stage 2  100 %  next batch", "SUCCEEDED: completed", '"state":"applied"', '"state":"pending"',
        "ROLLED_BACK: rollback by operator", '"state":"restored"',
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Installation:
    """What runs, and what a reader of the pages has in the environment."""

    folder: Path
    address: str

    def environment(self) -> dict[str, str]:
        token = Person(self.folder, "root").token
        mine = {"API": self.address, "TENANT": TENANT, "TOKEN": token}
        told = {"CHANGEGATE_API_URL": self.address, "CHANGEGATE_TENANT": TENANT, "CHANGEGATE_TOKEN": token}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **mine, **told, "PATH": path, "SMOKE_PORT": str(free_port())}


@pytest_asyncio.fixture(scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("strategies")
    async with changegate(folder, "up") as running:
        await running.until("Ctrl-C stops everything.")
        yield Installation(folder, f"http://127.0.0.1:{Ports(folder).remembered('api')}")


@pytest.mark.req("FR-CFG-006", "FR-CFG-008")
@pytest.mark.parametrize("page", sorted(WORDS))
async def test_every_command_does_what_the_page_says(page: str, installation: Installation) -> None:
    program = program_of(PAGES / f"{page}.md")
    code, text = await played(program, installation.folder, installation.environment(), LONGEST_SECONDS)
    assert code == 0, text
    for words in WORDS[page]:
        assert words in text, text
