"""A transaction is bound to one tenant before its first statement, and unbound when it ends."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, SessionTransaction

from adapters.postgres.address import Address

_BIND = text("SELECT set_config('app.tenant_id', :tenant, true), now()")


class TenantSession(Session):
    """A session whose `info` names the tenant; row-level security shows it nothing else."""


@event.listens_for(TenantSession, "after_begin")
def bind_tenant(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    """Bound here because this fires again after a commit and survives savepoints; a plain SET would leak."""
    tenant: UUID | None = session.info.get("tenant_id")
    row = connection.execute(_BIND, {"tenant": str(tenant) if tenant else ""}).one()
    session.info["now"] = row[1]


def connect(url: str, *, pool_size: int = 10, patience: float = 10) -> AsyncEngine:
    """An engine on `postgresql+asyncpg`; parameters never appear in its errors. SystemExit as `Address.of`.

    `patience`: seconds to wait for a connection, be it one that another gives back or one that is opened.
    """
    address = Address.of(url)
    return create_async_engine(
        address.url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=patience,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={
            **address.tls,
            "timeout": patience,
            "command_timeout": 30,
            "server_settings": {"application_name": "changegate"},
        },
    )


def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine, sync_session_class=TenantSession, expire_on_commit=False)


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
