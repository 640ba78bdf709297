"""Source code names a flag where the flag's key stands as a word of its own, in whatever language."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(rb"[A-Za-z0-9_\x80-\xff][A-Za-z0-9_.\x80-\xff-]*")
_MOST_PARTS: Final = 16
_SNIFFED: Final = 8192


@dataclass(frozen=True)
class Reference:
    """A file that names a flag, and the lines where it does, from 1 on."""

    key: str
    path: str
    lines: tuple[int, ...]


def is_binary(content: bytes) -> bool:
    """A NUL among the first bytes, as Git decides it."""
    return b"\0" in content[:_SNIFFED]


def references(path: str, content: bytes, keys: Collection[str]) -> list[Reference]:
    """By key. Of keys that lie within each other the longest is named: `shop.checkout` names no `checkout`."""
    found: dict[str, dict[int, None]] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        for word in _WORD.findall(line):
            for key in _keys_of(word.decode("utf-8", "replace"), keys):
                found.setdefault(key, {})[number] = None
    return [Reference(key, path, tuple(lines)) for key, lines in sorted(found.items())]


def _keys_of(word: str, keys: Collection[str]) -> Iterator[str]:
    """Keys among the dotted parts of a word: a key may hold dots, and so may the expression around it."""
    word = word.rstrip(".-")
    if word in keys:
        yield word
        return
    parts = [part.strip("-") for part in word.split(".")][:_MOST_PARTS]
    start = 0
    while start < len(parts) > 1:
        ends = range(len(parts), start, -1)
        end = next((end for end in ends if ".".join(parts[start:end]) in keys), None)
        if end is not None:
            yield ".".join(parts[start:end])
        start = end or start + 1
