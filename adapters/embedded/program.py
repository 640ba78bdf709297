"""What a child is: a command line, how to know that it is ready, and how it likes to end."""

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.embedded.account import Account


async def at_once() -> bool:
    return True


async def nothing() -> None:
    return None


def bare_environment(**more: str) -> dict[str, str]:
    """The environment of a server: nothing of the caller's shell, so no PG... or TEMPORAL_... variable changes it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **more}


@dataclass(frozen=True)
class Program:
    """`argv[0]` is absolute; `prepare` runs before every start; times are seconds.

    `stop_signal` asks for a graceful end within `grace`; `orphan_signal` is what it gets when our process is killed.
    `tries` is how often a first start that ends early is repeated before it is refused.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=bare_environment)
    folder: Path | None = None
    account: Account | None = None
    prepare: Callable[[], Awaitable[None]] = nothing
    ready: Callable[[], Awaitable[bool]] = at_once
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    grace: float = 10.0
    patience: float = 60.0
    tries: int = 1
