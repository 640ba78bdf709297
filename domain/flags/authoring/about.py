"""What people say about a flag goes to clients as the metadata of flagd, where a name says one thing."""

from collections.abc import Mapping
from typing import Final

from domain.flags.authoring.places import Place
from domain.json_value import Json

TAGS: Final = "tags"
LIFETIME: Final = "expectedLifetimeDays"
PERMANENT: Final = "permanent"
OFF: Final = "off"
CONFLICTS: Final = "conflicts"
ABOUT: Final = ("description", "owner", TAGS, LIFETIME, PERMANENT, CONFLICTS)


def about(said: Mapping[str, Json], place: Place, *, off: Json) -> dict[str, Json]:
    """As metadata: tags and conflicts are one text there, joined by commas.

    Which variant is `off`, and what the flag conflicts with, stays so with a stage of it or when it was killed.
    """
    told: dict[str, Json] = {OFF: off} if off is not None else {}
    for name in ("description", "owner"):
        if name in said:
            told[name] = place.at(name).text(said[name])
    if TAGS in said:
        told[TAGS] = ",".join(sorted(_tags(said[TAGS], place.at(TAGS))))
    if CONFLICTS in said:
        told[CONFLICTS] = ",".join(sorted(_flags(said[CONFLICTS], place.at(CONFLICTS))))
    if LIFETIME in said:
        told[LIFETIME] = _days(said[LIFETIME], place.at(LIFETIME))
    if PERMANENT in said:
        told[PERMANENT] = place.at(PERMANENT).switch(said[PERMANENT])
    return told


def merged(metadata: Json, told: dict[str, Json], top: Place) -> dict[str, Json]:
    """With what was written as metadata."""
    written = metadata if isinstance(metadata, dict) else {}
    for name in sorted(written.keys() & told.keys()):
        top.at("metadata", name).fault("is said under authoring")
    return {**written, **told}


def _tags(raw: Json, place: Place) -> list[str]:
    tags = place.texts(raw)
    for index, tag in enumerate(tags):
        if "," in tag or tag != tag.strip():
            place.at(index).fault("expected a tag without commas and without blanks around it")
        elif tag in tags[:index]:
            place.at(index).fault("is listed before")
    return tags


def _flags(raw: Json, place: Place) -> list[str]:
    keys = place.texts(raw)
    if len(set(keys)) < len(keys):
        place.fault("expected each flag once")
    return keys


def listed(metadata: Json, name: str) -> tuple[str, ...]:
    """What one text of the metadata lists, in order and each once."""
    said = metadata.get(name) if isinstance(metadata, Mapping) else None
    return tuple(sorted({each.strip() for each in said.split(",")} - {""})) if isinstance(said, str) else ()


def _days(raw: Json, place: Place) -> Json:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw <= 0:
        place.fault("expected a number of days above 0")
    return raw
