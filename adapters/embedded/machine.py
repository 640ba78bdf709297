"""What this machine says about its processes."""

import subprocess
import sys
from pathlib import Path

LINUX: bool = sys.platform.startswith("linux")


def born(pid: int) -> str | None:
    """When the process began, as its system says it; None when there is no such process. Tells a reused pid apart."""
    if LINUX:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        # Its first thread may be dead while others still hold its ports and files: then the process is not gone.
        dead = fields[0] in "ZX" and fields[17] in "01"
        return None if dead else fields[19]
    answer = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, began = answer.stdout.strip().partition(" ")
    return None if not began or state.startswith("Z") else began.strip()


def command_of(pid: int) -> str:
    """The program's name, empty when there is no such process."""
    if LINUX:
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return ""
    answer = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return Path(answer.stdout.strip()).name
