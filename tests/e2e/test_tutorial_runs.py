"""The tutorial is one program that runs as it is written, with its shop and its customers."""

import os
import sys
from pathlib import Path

from adapters.embedded.ports import Ports
from tests.chaos.conftest import free_port
from tests.e2e.terminal import ROOT, changegate
from tests.pages import played, program_of

LONGEST_SECONDS = 420
WORDS = (
    "403 /problems/self-approval-forbidden", "new-checkout in production: SUCCEEDED at 100 %",
    "Signal workflow succeeded", "RUNNING stage 4  100 %  gate passed", "SUCCEEDED: completed",
    "ROLLED_BACK: gate failed", "it ended with 1", "canary requests; evidence ",
)  # fmt: skip


async def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    async with changegate(tmp_path, "up") as running:
        await running.until("Ctrl-C stops everything.")
        program = program_of(ROOT / "docs" / "tutorial.md")
        places = {"127.0.0.1:8080": f"127.0.0.1:{Ports(tmp_path).remembered('api')}", ".changegate/": f"{tmp_path}/"}
        for theirs, ours in {**places, "8090": str(free_port())}.items():
            assert theirs in program
            program = program.replace(theirs, ours)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = {**os.environ, "PATH": path, "CHANGEGATE_DATA": str(tmp_path)}
        code, text = await played(program, ROOT, given, LONGEST_SECONDS)
    assert code == 0, text
    for words in WORDS:
        assert words in text, text
