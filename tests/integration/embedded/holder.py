"""A run of its own process, to be killed: prints the pids of its children, then stays until somebody ends it."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from adapters.embedded.spawn import Watch
from adapters.embedded.stack import Options, Stack


async def hold(folder: Path, watch: Watch) -> None:
    async with Stack(folder, Options(durable=False, watch=watch)) as stack:
        await stack.spawn("sleeper", ["/bin/sleep", "600"])
        print(json.dumps({name: child.pid for name, child in stack.children.items()}), flush=True)  # noqa: T201 - told to the test
        await asyncio.Event().wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
    asyncio.run(hold(Path(sys.argv[1]), Watch(sys.argv[2])))
