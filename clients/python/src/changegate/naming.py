"""A process has a name of its own, by which it says what it holds; a deployment can then wait for it."""

import hashlib
import os
import re
import socket
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def own_name() -> str:
    """The same as long as the process lives, and another one in a process that is forked off; it tells no host."""
    seed = f"{socket.gethostname()}:{os.getpid()}"
    return "py-" + hashlib.sha256(seed.encode()).hexdigest()[:16]


def checked(name: str | None) -> str | None:
    """ValueError for what is no name; None is nobody."""
    if name is not None and NAME.fullmatch(name) is None:
        raise ValueError("an instance is named with up to 100 letters, digits and the marks . _ : -")
    return name
