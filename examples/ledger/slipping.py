"""Whoever writes SQL of their own, past all of the ledger, meets the guard in PostgreSQL all the same."""

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from examples.ledger import journals
from examples.ledger.entries import Draft, Entry, Module, credit, debit
from examples.ledger.sessions import Desk, bind

_POST = text("UPDATE ledger.journal SET posted = true WHERE tenant_id = :tenant AND module = :module AND id = :id")


async def slip(engine: AsyncEngine, desk: Desk, on: date) -> str | None:
    """A bill, posted without asking: SQLSTATE and sentence of the refusal, or None when it went in. Nothing stays."""
    lines = (debit("6210", "90.00"), credit("2000", "90.00"))
    async with engine.connect() as at:
        await bind(at, desk)
        entry = await journals.write(at, desk, Draft(Module.AP, on, "A bill that comes late", lines))
        refusal = await _refusal(at, desk, entry)
        await at.rollback()
    return refusal


async def _refusal(at: AsyncConnection, desk: Desk, entry: Entry) -> str | None:
    try:
        await at.execute(_POST, {"tenant": desk.tenant, "module": entry.module, "id": entry.id})
    except DBAPIError as error:
        cause: Any = getattr(error.orig, "__cause__", None) or error.orig
        return f"{cause.sqlstate} {cause.message}"
    return None
