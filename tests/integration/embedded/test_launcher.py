"""A child that is not root still reaches what lies below a folder that only root may enter."""

import os
import subprocess
import sys
from pathlib import Path

from adapters.embedded import launcher
from adapters.embedded.account import ordinary_account

ASKED = "import os, sys; sys.exit(0 if os.access(sys.argv[1], os.X_OK) else 3)"


class TestLauncher:
    def test_a_program_below_a_closed_folder_counts_as_executable(self, tmp_path: Path) -> None:
        """PostgreSQL's initdb asks access(2), which forgets capabilities unless it is told not to."""
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        program = closed / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        account = ordinary_account([program])
        ended = subprocess.run(
            [
                sys.executable, "-ISB", launcher.__file__, str(os.getpid()), "-", "15", str(account or "-"),
                sys.executable, "-c", ASKED, str(program),
            ],
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0
