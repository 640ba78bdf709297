"""What may be added to an outbox: a workflow to be started, or a signal, which may start its workflow where need be."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
Json: TypeAlias = Any
"""None, bool, int, float, str, and lists and dicts of these."""


@dataclass(frozen=True)
class Start:
    """A workflow by the name of its type; added again under its id it is the same message.

    Its `args` are converted by the relay's client. `not_before` has an offset.
    """

    workflow: str
    id: str
    task_queue: str
    args: Sequence[Json] = ()
    execution_timeout: timedelta | None = None
    run_timeout: timedelta | None = None
    task_timeout: timedelta | None = None
    memo: Mapping[str, Json] | None = None
    summary: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True)
class Signal:
    """To the workflow of that id, which must be there; `key` is the sender's own name for it.

    With `start` that workflow is started where none of that id runs: also where one has ended.
    """

    workflow_id: str
    signal: str
    key: str
    args: Sequence[Json] = ()
    start: Start | None = None
    not_before: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.start.id != self.workflow_id:
            raise ValueError("start has another id than workflow_id")


Message: TypeAlias = Start | Signal


def key_of(message: Message) -> str:
    """Under which it is one message, in a namespace."""
    return f"start/{message.id}" if isinstance(message, Start) else f"signal/{message.workflow_id}/{message.key}"


def workflow_of(message: Message) -> str:
    return message.id if isinstance(message, Start) else message.workflow_id


def lane_of(message: Message) -> str:
    """The task queue, where it needs one."""
    start = message if isinstance(message, Start) else message.start
    return start.task_queue if start else ""


def written(message: Message) -> dict[str, Json]:
    """As JSON; what was not said is left out."""
    said: dict[str, Json] = {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in vars(message).items()
        if value is not None and name not in {"start", "not_before"}
    }
    if isinstance(message, Signal) and message.start is not None:
        said["start"] = written(message.start)
    if message.not_before is not None:
        if message.not_before.tzinfo is None:
            raise ValueError("not_before has no offset")
        said["not_before"] = message.not_before.timestamp()
    return {**said, "args": list(message.args)}


def read(said: Mapping[str, Json]) -> Message:
    """What `written` gave, but for `not_before`, of which nothing is left to be done."""
    words = {name: value for name, value in said.items() if name != "not_before"}
    if "signal" in words:
        start = words.pop("start", None)
        return replace(Signal(**words), start=_start(start)) if start else Signal(**words)
    return _start(words)


def fingerprint(message: Message) -> str:
    """The digest of everything that it says: the same content has the same.

    Raises ValueError or TypeError for what PostgreSQL could not store: that would spoil the caller's transaction.
    """
    text = json.dumps(written(message), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    if _NUL.search(text):
        raise ValueError("text holds the character NUL")
    return hashlib.sha256(text.encode()).hexdigest()


def _start(words: Mapping[str, Json]) -> Start:
    spans = {name: timedelta(seconds=words[name]) for name in words if name.endswith("_timeout")}
    return Start(**{**words, **spans})
