"""One folder has one owner, stable addresses, and recovers from what a killed run left in it."""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.embedded.errors import AlreadyRunning, PortTaken
from adapters.embedded.lock import FolderLock
from adapters.embedded.machine import command_of
from adapters.embedded.ports import CHOICE, Ports
from adapters.embedded.postgres import NO_PROCESS, disown_stale_lock
from adapters.embedded.secret import secret

Until = Callable[[Callable[[], object]], Awaitable[None]]

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time, pathlib
from adapters.embedded.lock import FolderLock
with FolderLock(pathlib.Path(sys.argv[1])):
    print(flush=True)
    time.sleep(600)
"""


class TestFolderLock:
    async def test_a_living_holder_is_named_and_a_dead_one_is_followed(self, tmp_path: Path) -> None:
        holder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", HOLD, str(tmp_path)), stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        try:
            assert holder.stdout is not None
            await holder.stdout.readline()
            with pytest.raises(AlreadyRunning, match=f"Process {holder.pid} holds") as caught, FolderLock(tmp_path):
                pass
            assert caught.value.facts["pid"] == str(holder.pid)
        finally:
            holder.kill()
            await holder.communicate()
        with FolderLock(tmp_path):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"

    def test_is_free_again_after_leaving(self, tmp_path: Path) -> None:
        for _ in range(2):
            with FolderLock(tmp_path):
                pass


class TestPorts:
    def test_are_remembered_and_never_given_twice(self, tmp_path: Path) -> None:
        names = [f"server-{number}" for number in range(20)]
        first = [Ports(tmp_path).take(name) for name in names]
        ports = Ports(tmp_path)
        assert ports.take(names[0]) == ports.take(names[0])
        assert [ports.take(name) for name in names] == first
        assert len(set(first)) == len(names)
        assert all(port in CHOICE for port in first)
        assert ports.notices == []

    def test_a_remembered_port_that_is_taken_changes_with_a_notice(self, tmp_path: Path) -> None:
        port = Ports(tmp_path).take("api")
        with socket.create_server(("127.0.0.1", port)):
            ports = Ports(tmp_path)
            other = ports.take("api")
        assert other != port
        assert ports.notices == [f"Port {port} of api is taken by another program; api listens on {other} now."]

    def test_a_port_that_was_asked_for_is_taken_as_it_is_or_refused(self, tmp_path: Path) -> None:
        port = Ports(tmp_path).take("chosen")
        assert Ports(tmp_path, {"api": port}).take("api") == port
        with (
            socket.create_server(("0.0.0.0", port)),  # noqa: S104 - a stranger may listen everywhere
            pytest.raises(PortTaken, match=rf"Port {port} \(for api\)"),
        ):
            Ports(tmp_path, {"api": port}).take("api")

    def test_an_unreadable_memory_is_begun_anew(self, tmp_path: Path) -> None:
        (tmp_path / "ports.json").write_text("{")
        assert Ports(tmp_path).take("api") in CHOICE


class TestSecret:
    def test_is_made_once_and_closed_to_others(self, tmp_path: Path) -> None:
        assert secret(tmp_path, "a") == secret(tmp_path, "a") != secret(tmp_path, "b")
        assert (tmp_path / "secrets" / "a").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


class TestStaleServerLock:
    def test_a_reused_pid_is_replaced_and_the_rest_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "postmaster.pid"
        rest = ["/data", "1700000000", "5432", "", "127.0.0.1", "  1234  5", "ready"]
        path.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
        disown_stale_lock(path)
        assert path.read_text().splitlines()[0] == str(NO_PROCESS)
        assert path.read_text().splitlines()[1:] == rest

    def test_a_dead_server_that_nobody_collected_is_no_server(self, tmp_path: Path) -> None:
        path = tmp_path / "postmaster.pid"
        dead = os.posix_spawn("/bin/true", ["true"], {})
        path.write_text(f"{dead}\n/data\n")
        os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)  # it has ended; its exit stays to be collected
        disown_stale_lock(path)
        os.waitpid(dead, 0)
        assert path.read_text() == f"{NO_PROCESS}\n/data\n"

    async def test_a_living_server_keeps_its_lock(self, tmp_path: Path, until: Until) -> None:
        path, server = tmp_path / "postmaster.pid", tmp_path / "postgres"
        server.symlink_to("/bin/sleep")
        process = await asyncio.create_subprocess_exec(str(server), "600")
        await until(lambda: command_of(process.pid) == "postgres")
        path.write_text(f"{process.pid}\n/data\n")
        disown_stale_lock(path)
        process.kill()
        await process.wait()
        assert path.read_text() == f"{process.pid}\n/data\n"

    def test_no_lock_file_is_fine(self, tmp_path: Path) -> None:
        disown_stale_lock(tmp_path / "postmaster.pid")
        assert list(tmp_path.iterdir()) == []
