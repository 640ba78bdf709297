"""What is kept on the disk is there whole or not at all, of one place, and readable by its owner alone."""

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from changegate.models import Json

T = TypeVar("T")
LARGEST: Final = 256 * 1024 * 1024

log = logging.getLogger("changegate")


def write(path: Path, form: str, content: Json) -> None:
    """Replaces what is there. `content` names its `place`. OSError where it cannot be written."""
    body = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    line = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(line, "wb") as file:
            file.write(f"{form} {hashlib.sha256(body).hexdigest()}\n".encode() + body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    _settle(path.parent)


def read(path: Path, form: str, place: tuple[str, ...], made: Callable[[Json], T]) -> T | None:
    """What is `made` of it; None for one that is not there, not whole, or of another place. Why is in the log."""
    try:
        with path.open("rb") as file:
            return made(_whole(file.read(LARGEST), form, place))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("the snapshot %s is not used: %s", path, str(error) or type(error).__name__)
        return None


def _whole(content: bytes, form: str, place: tuple[str, ...]) -> Json:
    head, _, body = content.partition(b"\n")
    if head.decode("ascii", "replace") != f"{form} {hashlib.sha256(body).hexdigest()}":
        raise ValueError("it is not whole")
    found = json.loads(body)
    if tuple(found["place"]) != place:
        raise ValueError("it is of another place")
    return found


def _settle(folder: Path) -> None:
    """The new name survives a power cut, where the system can promise that."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
