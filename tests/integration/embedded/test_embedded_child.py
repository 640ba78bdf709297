"""A child that misbehaves is refused with its own words, brought back with patience, or ended by force."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.embedded.child import LONGEST_BACKOFF_SECONDS, Child, State, backoff
from adapters.embedded.errors import ServerDidNotStart
from adapters.embedded.logfile import LARGEST_BYTES, LogFile
from adapters.embedded.machine import born
from adapters.embedded.orphans import Register
from adapters.embedded.program import Program, bare_environment
from adapters.embedded.spawn import Watch

Until = Callable[[Callable[[], object]], Awaitable[None]]


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


async def never() -> bool:
    return False


def written(path: Path) -> str:
    text = path.read_text() if path.exists() else ""
    return text.strip() if text.endswith("\n") else ""


@asynccontextmanager
async def running(child: Child) -> AsyncIterator[int]:
    await child.start()
    try:
        assert child.pid is not None
        yield child.pid
    finally:
        await child.stop()


class TestStart:
    async def test_a_child_that_ends_at_once_is_refused_with_the_end_of_its_log(self, tmp_path: Path) -> None:
        child = Child(Program("brief", shell("echo the disk is full; exit 3"), ready=never), tmp_path)
        with pytest.raises(ServerDidNotStart, match=r"brief: it ended with code 3\. (?s:.*)the disk is full"):
            await child.start()
        assert child.state is State.FAILED

    async def test_a_child_that_is_never_ready_is_refused_and_ended(self, tmp_path: Path) -> None:
        child = Child(Program("slow", ("/bin/sleep", "600"), ready=never, patience=0.3), tmp_path)
        with pytest.raises(ServerDidNotStart, match=r"not ready within 0\.3 seconds"):
            await child.start()
        assert child.pid is None
        assert Register(tmp_path).alive() == {}

    async def test_a_program_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        child = Child(Program("absent", ("/no/such/program",), ready=never), tmp_path)
        with pytest.raises(ServerDidNotStart, match=r"cannot be started: .*No such file"):
            await child.start()

    async def test_a_server_sees_nothing_of_our_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
    ) -> None:
        monkeypatch.setenv("PGOPTIONS", "-c fsync=off")
        seen = tmp_path / "seen"
        async with running(Child(Program("env", shell(f"env > {seen}; sleep 600")), tmp_path)):
            await until(lambda: written(seen))
        assert "PGOPTIONS" not in written(seen)
        assert "PGOPTIONS" not in bare_environment()


@pytest.mark.parametrize("watch", list(Watch))
class TestStop:
    async def test_is_graceful_first(self, tmp_path: Path, watch: Watch, until: Until) -> None:
        said, ready = tmp_path / "said", tmp_path / "ready"
        script = f"trap 'echo bye > {said}; exit 0' INT; echo set > {ready}; while :; do sleep 0.02; done"
        program = Program("polite", shell(script), stop_signal=signal.SIGINT)
        async with running(Child(program, tmp_path, watch=watch)):
            await until(lambda: written(ready))
        assert said.read_text() == "bye\n"

    async def test_is_by_force_when_the_child_is_deaf_and_takes_what_it_started(
        self, tmp_path: Path, watch: Watch, until: Until
    ) -> None:
        below = tmp_path / "below"
        script = f"trap '' TERM; sleep 600 & echo $! > {below}; wait; wait; while :; do sleep 1; done"
        child = Child(Program("deaf", shell(script), grace=0.3), tmp_path, watch=watch)
        async with running(child) as pid:
            await until(lambda: written(below))
            grandchild = int(written(below))
            assert born(grandchild)
        assert child.state is State.STOPPED
        await until(lambda: not born(pid) and not born(grandchild))

    async def test_a_death_is_reported_with_its_signal_and_the_child_brought_back(
        self, tmp_path: Path, watch: Watch, until: Until
    ) -> None:
        deaths: list[int] = []
        program = Program("mortal", shell("sleep 0.1; kill -SEGV $$"))
        child = Child(program, tmp_path, watch=watch, on_death=lambda death: deaths.append(death.code))
        async with running(child):
            await until(lambda: len(deaths) >= 2)
        assert set(deaths) == {-signal.SIGSEGV}
        assert child.restarts >= 1


class TestBackoff:
    def test_doubles_to_a_cap(self) -> None:
        waits = [backoff(attempt) for attempt in range(1, 40)]
        assert waits[0] <= 0.1
        assert all(late <= LONGEST_BACKOFF_SECONDS for late in waits)
        assert min(waits[8:]) >= LONGEST_BACKOFF_SECONDS * 0.75


class TestRegister:
    async def test_a_child_of_a_run_that_died_is_ended_before_the_next(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.embedded.orphans.WAIT_SECONDS", 0.1)
        orphan = await asyncio.create_subprocess_exec("/bin/sleep", "600", start_new_session=True)
        Register(tmp_path).note("orphan", orphan.pid)
        await Register(tmp_path).reap()
        assert await orphan.wait() == -signal.SIGKILL

    async def test_a_pid_that_was_given_to_another_process_is_left_alone(self, tmp_path: Path) -> None:
        register = Register(tmp_path)
        register.note("old", os.getpid())
        (tmp_path / "children" / "old").write_text(f"{os.getpid()} long ago")
        await register.reap()
        assert list((tmp_path / "children").iterdir()) == []


class TestLogFile:
    def test_this_run_and_the_one_before_are_kept(self, tmp_path: Path) -> None:
        log = LogFile(tmp_path / "logs" / "a.log")
        for words in ("first", "second"):
            log.renew()
            log.path.write_text(words)
        assert (log.tail(), Path(f"{log.path}.1").read_text()) == ("second", "first")

    def test_a_large_file_is_emptied_while_the_child_goes_on(self, tmp_path: Path) -> None:
        log = LogFile(tmp_path / "logs" / "a.log")
        log.renew()
        with log.appending() as output:
            output.truncate(LARGEST_BYTES + 1)
            log.cap()
            output.write(b"more")
        assert log.path.read_bytes() == b"more"
