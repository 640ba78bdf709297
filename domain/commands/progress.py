"""How far the execution of a long command has come, as its handler tells it: the newest word stands."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.canonical import Json
from domain.commands.command import Key

MOST_BYTES: Final = 4096
"""Of one word, as JSON: what is longer belongs into a table of the module."""


@dataclass(frozen=True)
class CommandProgress:
    """`said` is given to the next attempt, which may go on from there."""

    key: Key
    epoch: int
    attempt: int
    said: Json
    at: datetime


def tellable(said: Json) -> Json:
    """ValueError for what is too long to be told, or no JSON."""
    try:
        size = len(json.dumps(said, allow_nan=False).encode())
    except TypeError:
        raise ValueError("progress is JSON") from None
    if size > MOST_BYTES:
        raise ValueError(f"progress of at most {MOST_BYTES} bytes")
    return said
