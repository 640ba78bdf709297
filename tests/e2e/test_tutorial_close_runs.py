"""The tutorial that closes a quarter is one program that runs as it is written, and leaves room for the how-tos."""

import os
import re
import sys
from pathlib import Path

import pytest

from adapters.embedded.ports import Ports
from adapters.identity.issuer import EmbeddedIssuer
from tests.e2e.terminal import ROOT, changegate
from tests.pages import played, program_of

LONGEST_SECONDS = 600
WORDS = (
    "no   AP  An advertisement, a cent off: ", 'chronology         in the way\n    {"GL": "2025-01"}',
    "409 /problems/earliest-open", "to do: bank (pia); in the way: unposted\n",
    "Period 'FY2025 P01' is locked. (adjustments-only)", "403 /problems/sod-violation",
    "REMEDIATING        checks_fail",
    "threw away AP An advertisement, a cent off", "403 /problems/self-approval-forbidden",
    "Period 'FY2025 P01' is closed and cannot be modified. (period-closed)",
    "no   Electricity of 2025-01-29: Period 'FY2025 P01' is closed and cannot be modified.", '"number": 1,',
    "409 /problems/period-closed: Period 'FY2025 P03' is closed and cannot be modified.\nmill 2025-01  certificate 1  ",
)  # fmt: skip


@pytest.mark.timeout(900)
async def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    async with changegate(tmp_path, "up") as running:
        await running.until("Ctrl-C stops everything.")
        program = program_of(ROOT / "docs" / "tutorial-close.md")
        port = Ports(tmp_path).remembered("api")
        assert "127.0.0.1:8080" in program
        program = program.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = {**os.environ, "PATH": path, "CHANGEGATE_DATA": str(tmp_path)}
        code, text = await played(program, ROOT, given, LONGEST_SECONDS)
        token = EmbeddedIssuer(tmp_path / "keys").mint("root")
        howto = program_of(ROOT / "docs" / "howto" / "open-a-period.md")
        here = {**given, "API": f"http://127.0.0.1:{port}", "TENANT": "acme", "TOKEN": token}
        after, afterwards = await played(howto, ROOT, here, LONGEST_SECONDS)
    assert code == 0, text
    assert after == 0, afterwards
    assert text.count("  every one is what was issued\n  the books are as the last one says\n") == 3
    for words in WORDS:
        assert words in text, text
    assert re.findall(r"^(2025-\d\d) .*closed +closed +closed +closed +closed", text, re.MULTILINE) == [
        "2025-01", "2025-02", "2025-03",
    ]  # fmt: skip
