"""A child's log is kept for this run and the one before, and never fills the disk."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LARGEST_BYTES = 16 * 1024 * 1024
TAIL_BYTES = 2_000


class LogFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def renew(self) -> None:
        """Begin an empty file; the last run's stays beside it as `<name>.log.1`."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            self.path.replace(f"{self.path}.1")

    def appending(self) -> BinaryIO:
        return self.path.open("ab")

    def cap(self) -> None:
        """Empty the file when it is too large; the child appends, so it goes on at the new end."""
        with suppress(FileNotFoundError):
            if self.path.stat().st_size > LARGEST_BYTES:
                Path(f"{self.path}.1").write_text(self.tail())
                os.truncate(self.path, 0)

    def tail(self) -> str:
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").strip() or "(empty)"
        return "(none)"
