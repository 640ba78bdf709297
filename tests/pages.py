"""The commands of a page are one program; whatever it leaves running ends with it."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path


def program_of(page: Path) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


async def played(program: str, cwd: Path, env: Mapping[str, str], seconds: float) -> tuple[int | None, str]:
    """How it ended, and all that it printed."""
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", program, cwd=cwd, env=env, start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            out, _ = await shell.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    return shell.returncode, out.decode()
