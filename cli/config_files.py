"""A bundle in a file is laid out for people and for Git, and may be edited by hand."""

import json
from pathlib import Path

from cli.destination import NotSent
from domain.canonical import Json, digest_of
from domain.errors import Invalid


class FileUnreadable(NotSent):
    """{path} cannot be read: {why}."""


class NoBundle(NotSent):
    """{path} holds no bundle: {why}."""


def written(bundle: Json) -> str:
    """The same for the same content: without the time of the export, its names in order."""
    lasting = {name: value for name, value in bundle.items() if name != "exported_at"}
    return json.dumps(lasting, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def bundle_in(path: Path) -> Json:
    """As it is while its checksum holds. Once it was edited it gets a checksum of its own, and has no signature."""
    from domain.settings import UNSIGNED, read_bundle_text

    try:
        raw = read_bundle_text(path.read_bytes())
    except OSError as error:
        raise FileUnreadable(path=path, why=error.strerror) from error
    except Invalid as error:
        raise NoBundle(path=path, why=error.faults[0].message) from error
    if not isinstance(raw, dict):
        raise NoBundle(path=path, why="expected an object")
    content = {name: value for name, value in raw.items() if name not in UNSIGNED}
    try:
        checksum = digest_of(content)
    except ValueError as error:
        raise NoBundle(path=path, why="it holds a number or a text that JSON cannot hold exactly") from error
    return raw if raw.get("checksum") == checksum else {**content, "checksum": checksum}
