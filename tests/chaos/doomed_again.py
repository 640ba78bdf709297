"""A life as in `doomed_bus`, followed by another whenever it killed itself, until this process is told to end."""

import asyncio
import os
import signal
import sys
from typing import NoReturn

from tests.chaos.doomed_bus import live


def main() -> None:
    while True:
        child = os.fork()
        if child == 0:
            asyncio.run(live())
            os._exit(0)

        def end(*_: object, last: int = child) -> NoReturn:
            os.kill(last, signal.SIGKILL)
            os._exit(0)

        signal.signal(signal.SIGTERM, end)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit("it did not kill itself")


if __name__ == "__main__":
    main()
