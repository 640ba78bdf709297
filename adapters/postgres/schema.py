"""The schema is brought to the newest revision by whoever owns it, before the product starts."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.address import Address

SETTING = "CHANGEGATE_OWNER_DATABASE_URL"
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_LOCK = 0x6368616E6765  # "change": two deploys that migrate at once take turns


async def migrate(owner_url: str, revision: str = "head") -> None:
    """Upgrade to `revision`; `owner_url` names a user that may create roles (the product itself never uses it)."""
    engine = _engine(owner_url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            await connection.commit()
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    finally:
        await engine.dispose()


async def create_login(owner_url: str, name: str, password: str) -> None:
    """A login that may do what the product does and nothing more; its password is set anew if it exists."""
    engine = _engine(owner_url)
    try:
        async with engine.begin() as connection:
            exists = await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name})
            verb = "ALTER" if exists else "CREATE"
            # DDL takes no bind parameters; format() quotes both.
            statement = await connection.scalar(
                text(f"SELECT format('{verb} ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD %L', "
                     "cast(:name AS text), cast(:password AS text))"),
                {"name": name, "password": password},
            )  # fmt: skip
            await connection.exec_driver_sql(str(statement))
            await connection.exec_driver_sql(f'GRANT changegate_app TO "{name}"')
    finally:
        await engine.dispose()


def _engine(owner_url: str) -> AsyncEngine:
    address = Address.of(owner_url, SETTING)
    return create_async_engine(address.url, poolclass=NullPool, connect_args=dict(address.tls))


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
