"""The last picture on the disk: whole or not at all, readable by its owner alone, and without a secret in it."""

import hashlib
import json
import logging
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from changegate.models import Json
from changegate.picture import SECRET, Held, Picture

FORMAT: Final = "changegate-snapshot 1"
LARGEST: Final = 256 * 1024 * 1024

log = logging.getLogger("changegate")


@dataclass(frozen=True)
class Snapshot:
    """One file for one place: what was written for another API, tenant, environment, scope or prefix is not read."""

    path: Path
    place: tuple[str, ...]

    def write(self, picture: Picture, known_at: float) -> None:
        """`known_at` is when the server last said that this holds. OSError where it cannot be written."""
        values = {key: _written(held) for key, held in picture.values.items()}
        content = {"place": list(self.place), "known_at": known_at, "values": values}
        body = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        line = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(line, "wb") as file:
                file.write(f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode() + body)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        self._keep()

    def read(self) -> tuple[Picture, float] | None:
        """None for one that is not there, not whole, or not of this place; why is in the log."""
        try:
            with self.path.open("rb") as file:
                return _whole(file.read(LARGEST), self.place)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("the snapshot %s is not used: %s", self.path, str(error) or type(error).__name__)
            return None

    def _keep(self) -> None:
        """The new name survives a power cut, where the system can promise that."""
        with suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _whole(content: bytes, place: tuple[str, ...]) -> tuple[Picture, float]:
    head, _, body = content.partition(b"\n")
    if head.decode("ascii", "replace") != f"{FORMAT} {hashlib.sha256(body).hexdigest()}":
        raise ValueError("it is not whole")
    found = json.loads(body)
    if tuple(found["place"]) != place:
        raise ValueError("it is of another place")
    return Picture({key: _read(each) for key, each in found["values"].items()}), float(found["known_at"])


def _written(held: Held) -> Json:
    if held.type == SECRET:  # not even its fingerprint: guesses could be tried against it
        return {"type": SECRET, "found": held.found, "value": None}
    said: dict[str, Any] = {"type": held.type, "found": held.found, "value": held.value}
    if held.seconds is not None:
        said["seconds"] = held.seconds
    if held.until is not None:
        said["until"] = held.until
    if held.then is not None:
        said["then"] = _written(held.then)
    return said


def _read(found: Json) -> Held:
    then = found.get("then")
    return Held(
        str(found["type"]), found["value"], bool(found["found"]), found.get("seconds"), found.get("until"),
        None if then is None else _read(then),
    )  # fmt: skip
