"""The files of a source tree that may name a flag: what Git does not ignore, and no binaries."""

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from domain.flags.references import Reference, is_binary, references

LARGEST_BYTES: Final = 4 * 1024 * 1024
"""What is larger is generated or data, and not read."""
MOST_LINES: Final = 1_000
"""Of one file that are reported for one flag."""
SKIPPED: Final = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__"})
_REVISION = re.compile(r"[0-9a-f]{7,64}")


def found_in(root: Path, keys: Collection[str]) -> Iterator[Reference]:
    """By path, and then by key."""
    folder = root if root.is_dir() else root.parent
    for path in files(root):
        content = _content(folder / path)
        if content is not None:
            yield from references(path, content, keys)


def files(root: Path) -> list[str]:
    """Relative to the root, with slashes; in a work tree of Git those that it does not ignore."""
    if root.is_file():
        return [root.name]
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    found = _walked(root) if listed is None else {name for name in listed.split("\0") if name}
    return sorted(name for name in found if SKIPPED.isdisjoint(name.split("/")) and _is_text(name))


def revision(root: Path) -> str | None:
    """The commit that is checked out, where this is a work tree of Git."""
    said = (_git(root, "rev-parse", "--verify", "HEAD") or "").strip()
    return said if _REVISION.fullmatch(said) else None


def repository_of(root: Path) -> str:
    """The name of the folder that holds the repository."""
    top = (_git(root, "rev-parse", "--show-toplevel") or "").strip()
    name = Path(top).name if top else root.resolve().name
    return re.sub(r"[^a-zA-Z0-9_.-]", "-", name).lstrip(".-")[:100] or "sources"


def _walked(root: Path) -> set[str]:
    found = set()
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in SKIPPED]
        found |= {(Path(folder) / name).relative_to(root).as_posix() for name in names}
    return found


def _is_text(name: str) -> bool:
    """A name that is not UTF-8 cannot be told to anybody."""
    return name == name.encode("utf-8", "ignore").decode()


def _content(path: Path) -> bytes | None:
    """None of what is no file of this tree, cannot be read, is binary or too large."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return None if is_binary(content) else content


def _git(root: Path, *words: str) -> str | None:
    """None where this is no work tree of Git, or there is no Git. A tree that is only read runs nothing of its own."""
    folder = root if root.is_dir() else root.parent
    safe = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    try:
        ended = subprocess.run(  # noqa: S603 -- fixed words, and a folder that the person named
            ["git", *safe, "-C", str(folder), *words],  # noqa: S607 -- the person's own Git
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return os.fsdecode(ended.stdout)
