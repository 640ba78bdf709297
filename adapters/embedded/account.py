"""PostgreSQL refuses to run as root, so root's copy runs as `nobody`, and nobody's rights are all that it gets."""

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.machine import LINUX

ORDINARY = "nobody"
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


@dataclass(frozen=True)
class Account:
    """Who a child runs as; `capability` is the one Linux capability that it keeps, to pass through root's folders."""

    uid: int
    gid: int
    capability: int | None = None

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}:{'-' if self.capability is None else self.capability}"

    def own(self, tree: Path) -> None:
        """Give the tree to this account; does nothing when the top is its own already."""
        if tree.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(tree):
            for name in files:
                os.lchown(Path(folder, name), self.uid, self.gid)
            os.chown(folder, self.uid, self.gid)


def ordinary_account(needed: Iterable[Path]) -> Account | None:
    """None unless this process is root. The paths in `needed` are what the account must be able to reach.

    A checkout below /root (mode 0700) is out of nobody's reach: rather than open somebody's folders to everybody,
    the child keeps the capability to search directories, or the wider one where only that is granted (containers).
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(ORDINARY)
    closed = any(not _passable(folder) for path in needed for folder in path.resolve().parents)
    return Account(entry.pw_uid, entry.pw_gid, _granted() if closed else None)


def _passable(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _granted() -> int | None:
    if not LINUX:
        return None
    status = Path("/proc/self/status").read_text()
    permitted = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:"))
    return next((each for each in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted >> each & 1), None)
