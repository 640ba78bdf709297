"""No child outlives its run, however the run ends, and the next run on the same folder starts."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from adapters.embedded.machine import born
from adapters.embedded.orphans import Register
from adapters.embedded.spawn import Watch
from adapters.embedded.stack import Options, Stack

HOLDER = Path(__file__).with_name("holder.py")
Until = Callable[[Callable[[], object]], Awaitable[None]]

ROOT = HOLDER.parents[3]


@asynccontextmanager
async def holder(folder: Path, watch: Watch = Watch.KERNEL) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HOLDER), str(folder), watch),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def pids_of(process: asyncio.subprocess.Process) -> dict[str, int]:
    """The children of the holder, and what they started themselves: said once all of them are ready."""
    assert process.stdout is not None
    while not (line := await process.stdout.readline()).startswith(b"{"):
        assert line, "the holder ended before its children were ready"
    told: dict[str, int] = json.loads(line)
    below = {f"{name}/{pid}": pid for name, parent in told.items() for pid in offspring(parent)}
    return told | below


def offspring(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    found = [int(word) for word in listed.read_text().split()] if listed.exists() else []
    return found + [each for pid in found for each in offspring(pid)]


class TestKilledRun:
    @pytest.mark.parametrize("watch", list(Watch))
    async def test_takes_every_child_along_and_the_next_run_starts(self, tmp_path: Path, watch: Watch) -> None:
        async with holder(tmp_path, watch) as process:
            pids = await pids_of(process)
            assert {"postgres", "temporal", "valkey", "sleeper"} <= set(pids)
            process.kill()
            await process.wait()
            assert (tmp_path / "lock").read_text().strip() == str(process.pid)
            # At once: the dying children of the first run are waited for, not fought with.
            async with AsyncExitStack() as exits:
                with capture_logs() as said:
                    stack = await exits.enter_async_context(Stack(tmp_path, Options(durable=False)))
                assert "orphans_killed" not in {line["event"] for line in said}
                assert not any(born(pid) for pid in pids.values())
                assert stack.notices == ()
                connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
                assert await connection.fetchval("SELECT 1") == 1
                await connection.close()


class TestInterruptedRun:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
    async def test_stops_every_child_in_order(self, tmp_path: Path, number: signal.Signals, code: int) -> None:
        async with holder(tmp_path) as process:
            pids = await pids_of(process)
            os.killpg(process.pid, number)
            assert await process.wait() == code
            assert not any(born(pid) for pid in pids.values())
        assert "database system is shut down" in (tmp_path / "logs" / "postgres.log").read_text()
        assert list((tmp_path / "children").iterdir()) == []

    async def test_even_while_they_are_starting(self, tmp_path: Path, until: Until) -> None:
        children = tmp_path / "children"
        async with holder(tmp_path) as process:
            await until(lambda: {"temporal", "valkey"} <= {path.name for path in children.glob("*")})
            pids = Register(tmp_path).alive()
            os.killpg(process.pid, signal.SIGINT)
            assert await process.wait() == -signal.SIGINT
            assert not any(born(pid) for pid in pids.values())
        assert list(children.iterdir()) == []


async def fail_inside(folder: Path, pids: dict[str, int]) -> None:
    async with Stack(folder, Options(durable=False)) as stack:
        pids |= {name: child.pid or 0 for name, child in stack.children.items()}
        raise LookupError


class TestFailedRun:
    async def test_an_error_inside_leaves_no_child(self, tmp_path: Path) -> None:
        pids: dict[str, int] = {}
        with pytest.raises(LookupError):
            await fail_inside(tmp_path, pids)
        assert pids
        assert not any(born(pid) for pid in pids.values())
