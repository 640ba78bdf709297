"""The part of a worker that leads commands and processes and executes them, forked once for each life.

Each line of standard input is a name: who had it before is killed with SIGKILL, and another lives under it. One that
died by itself ends this process, too.
"""

import asyncio
import os
import signal
import sys

from adapters.settings import Settings
from bootstrap import parts
from worker import executing, processing, reach


async def live() -> None:
    async with parts(Settings.read()) as made:
        client = await reach(made.settings)
        async with executing(made, client) as leading, processing(made, client) as telling:
            await asyncio.gather(*leading, *telling)


def main() -> None:
    # Nobody collects the exit codes of the dead: what they left is looked at instead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    lives: dict[str, int] = {}
    for name in map(str.strip, sys.stdin):
        if name in lives:
            os.kill(lives[name], signal.SIGKILL)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(live())
            os._exit(0)
        lives[name] = child
    for each in lives.values():
        os.kill(each, signal.SIGKILL)


if __name__ == "__main__":
    main()
