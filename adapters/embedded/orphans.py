"""Children of a run that died are gone before the next run starts.

They die by themselves (see launcher.py); this waits for the last of them, and ends what a kernel could not.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import structlog

from adapters.embedded.errors import AlreadyRunning
from adapters.embedded.machine import born

WAIT_SECONDS = 8.0
PAUSE_SECONDS = 0.02

log = structlog.get_logger(__name__)


class Register:
    """Which children run, on disk: `<folder>/children/<name>` holds a pid and when it began."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "children"

    def note(self, name: str, pid: int) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / name).write_text(f"{pid} {born(pid)}")

    def forget(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def alive(self) -> dict[str, int]:
        found = {}
        for path in self._folder.glob("*"):
            pid, _, began = path.read_text().partition(" ")
            if pid.isdigit() and began == born(int(pid)):
                found[path.name] = int(pid)
            else:
                path.unlink(missing_ok=True)
        return found

    async def reap(self) -> None:
        """Wait until no child of an earlier run is alive; end by force what does not go.

        Raises `AlreadyRunning` when even that fails: two servers on the same files would destroy them.
        """
        tries = int(WAIT_SECONDS / PAUSE_SECONDS)
        for turn in range(2 * tries):
            alive = self.alive()
            if not alive:
                return
            if turn == tries:
                log.warning("orphans_killed", children=alive)
                for pid in alive.values():
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)
            await asyncio.sleep(PAUSE_SECONDS)
        raise AlreadyRunning(pid=", ".join(map(str, self.alive().values())), lock=str(self._folder))
