"""One data folder has one owner at a time; the kernel frees the lock of an owner that died."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.embedded.errors import AlreadyRunning


class FolderLock:
    """Holds `<folder>/lock` with this process's id written in it; raises `AlreadyRunning` when another holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        # Not inherited by any child (PEP 446), so a child that outlives us cannot keep the folder locked.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(pid=holder or "unknown", lock=str(self._path)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            # The file stays: removing it would let two processes lock two different files of the same name.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
