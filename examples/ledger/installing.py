"""The ledger's schema stands beside Changegate's in one database, owned by a role of its own."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

SQL = Path(__file__).parent / "sql"


async def install(owner_url: str) -> bool:
    """All of it or nothing; False when it is there. `owner_url` names a user that may create roles."""
    connection = await asyncpg.connect(_plain(owner_url))
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ledger.install', 0))")
            if await connection.fetchval("SELECT to_regclass('ledger.journal')"):
                return False
            for path in sorted(SQL.glob("*.sql")):
                await connection.execute(path.read_text(encoding="utf-8"))
            return True
    finally:
        await connection.close()


async def admit(owner_url: str, login: str, password: str) -> None:
    """A login that writes to the books and asks the posting guard, and nothing more."""
    connection = await asyncpg.connect(_plain(owner_url))
    try:
        verb = "ALTER" if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", login) else "CREATE"
        # DDL takes no bind parameters; format() quotes both.
        statement = await connection.fetchval(
            "SELECT format($1 || ' ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD %L', $2::text, $3::text)",
            verb,
            login,
            password,
        )
        await connection.execute(statement)
        await _let_write(connection, login)
    finally:
        await connection.close()


async def let_write(owner_url: str, login: str) -> None:
    """A login that is there: Changegate's own, whose worker posts what commands tell it to."""
    connection = await asyncpg.connect(_plain(owner_url))
    try:
        await _let_write(connection, login)
    finally:
        await connection.close()


async def _let_write(connection: asyncpg.Connection, login: str) -> None:
    await connection.execute(await connection.fetchval("SELECT format('GRANT ledger_writer TO %I', $1::text)", login))


def _plain(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="postgresql"))
