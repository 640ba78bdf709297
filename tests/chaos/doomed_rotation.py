"""The rotation of secrets, forked once for each life, which kills itself at an ordered point.

Reads lines of JSON from standard input, `{"die_at": n, "passed": FILE}`, and answers each with its exit code.
Points are those of `tests.chaos.doomed_api`.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from adapters.crypto import key_ring
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from adapters.settings import Settings
from application.settings.rotation import Rotation
from tests.chaos.doomed_api import Fate


async def turn(settings: Settings) -> None:
    engine = connect(settings.database_url.get_secret_value(), pool_size=1)
    try:
        await Rotation(PostgresStore(engine), key_ring(settings), batch=2).rotate("a key was lost")
    finally:
        await engine.dispose()


def live(settings: Settings, die_at: int | None, passed: str) -> None:
    with Path(passed).open("w") as lines:
        Fate(die_at, lines).follow()
        asyncio.run(turn(settings))


def main() -> None:
    settings = Settings.read()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            live(settings, order["die_at"], order["passed"])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
