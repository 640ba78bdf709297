"""Versions are ordered as semver.org 2.0.0 clause 11 says; a leading v and missing parts are forgiven."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Version = tuple[int, int, int, tuple[int, tuple[tuple[int, int, str], ...]]]
"""Major, minor, patch, and a key that puts pre-releases in order before their release."""

_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)

COMPARISONS: dict[str, Callable[[Version, Version], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "^": lambda a, b: a[0] == b[0],
    "~": lambda a, b: a[:2] == b[:2],
}


def version_of(value: Any) -> Version | None:
    """The version that a text or a number names; None when it names none."""
    return _parse(value if isinstance(value, str) else str(value))


@lru_cache(maxsize=4096)
def _parse(text: str) -> Version | None:
    if text.startswith(("v", "V")):
        text = text[1:]
    core = text.split("-")[0].split("+")[0]
    match = _VERSION.fullmatch(core + ".0" * (2 - core.count(".")) + text[len(core) :])
    if match is None:
        return None
    major, minor, patch, prerelease = match.groups()
    try:
        return int(major), int(minor), int(patch), _precedence(prerelease)
    except ValueError:  # more digits than Python converts
        return None


def _precedence(prerelease: str | None) -> tuple[int, tuple[tuple[int, int, str], ...]]:
    if prerelease is None:
        return 1, ()
    return 0, tuple((0, len(name), name) if name.isdigit() else (1, 0, name) for name in prerelease.split("."))
