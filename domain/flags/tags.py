"""Flags are found by their tags, which are one text in flagd's metadata, joined by commas."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from domain.flags.authoring.about import TAGS, listed
from domain.json_value import Json

Tags = tuple[str, ...]


def tags_of(metadata: Json) -> Tags:
    """In order, and each once."""
    return listed(metadata, TAGS)


@dataclass(frozen=True, slots=True)
class TagIndex:
    """The tags of each flag that has some, and by tag the flags in order of their keys."""

    tags: Mapping[str, Tags] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def any_of(self, tags: Collection[str]) -> Iterable[str]:
        """The flags with one of the tags, each once."""
        return dict.fromkeys(chain.from_iterable(self.keys.get(tag, ()) for tag in tags))

    def with_flag(self, key: str, tags: Tags) -> "TagIndex":
        before = self.tags.get(key, ())
        if before == tags:
            return self
        found, keys = dict(self.tags), dict(self.keys)
        found.pop(key, None)
        if tags:
            found[key] = tags
        for tag in {*before} ^ {*tags}:
            keys[tag] = tuple(sorted({*keys.get(tag, ())} ^ {key}))
            if not keys[tag]:
                del keys[tag]
        return TagIndex(found, keys)


def index_of(tags: Mapping[str, Tags]) -> TagIndex:
    """Of all flags at once."""
    keys: dict[str, list[str]] = {}
    for key in sorted(tags):
        for tag in tags[key]:
            keys.setdefault(tag, []).append(key)
    return TagIndex({key: each for key, each in tags.items() if each}, {tag: tuple(each) for tag, each in keys.items()})
