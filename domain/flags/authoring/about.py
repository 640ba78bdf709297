"""What people say about a flag goes to clients as the metadata of flagd, where a name says one thing."""

from collections.abc import Mapping
from typing import Final

from domain.flags.authoring.places import Place
from domain.json_value import Json

TAGS: Final = "tags"
LIFETIME: Final = "expectedLifetimeDays"
PERMANENT: Final = "permanent"
ABOUT: Final = ("description", "owner", TAGS, LIFETIME, PERMANENT)


def about(said: Mapping[str, Json], place: Place) -> dict[str, Json]:
    """As metadata: tags are one text there, joined by commas."""
    told: dict[str, Json] = {}
    for name in ("description", "owner"):
        if name in said:
            told[name] = place.at(name).text(said[name])
    if TAGS in said:
        told[TAGS] = ",".join(sorted(_tags(said[TAGS], place.at(TAGS))))
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


def _days(raw: Json, place: Place) -> Json:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw <= 0:
        place.fault("expected a number of days above 0")
    return raw
