"""The last picture on the disk has no secret in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from changegate import kept
from changegate.models import Json
from changegate.picture import SECRET, Held, Picture

FORMAT: Final = "changegate-snapshot 1"


@dataclass(frozen=True)
class Snapshot:
    """One file for one place: what was written for another API, tenant, environment, scope or prefix is not read."""

    path: Path
    place: tuple[str, ...]

    def write(self, picture: Picture, known_at: float) -> None:
        """`known_at` is when the server last said that this holds. OSError where it cannot be written."""
        values = {key: _written(held) for key, held in picture.values.items()}
        kept.write(self.path, FORMAT, {"place": list(self.place), "known_at": known_at, "values": values})

    def read(self) -> tuple[Picture, float] | None:
        """None for one that is not there, not whole, or not of this place; why is in the log."""
        return kept.read(self.path, FORMAT, self.place, _picture)


def _picture(found: Json) -> tuple[Picture, float]:
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
