"""The how-to page is done as it stands there."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from changegate import Conflict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.embedded.stack import Stack
from domain.periods import PeriodGate
from examples.ledger.entries import Module
from examples.ledger.sessions import connect
from tests.integration.ledger.bookkeeping import ENTITY, Bookkeeping

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "guard-your-postings.md"
OWNER = """
    CREATE ROLE billing_owner NOLOGIN;
    GRANT changegate_poster, changegate_module TO billing_owner;
    CREATE SCHEMA billing AUTHORIZATION billing_owner;
    GRANT USAGE ON SCHEMA billing TO changegate_app;
    SET LOCAL ROLE billing_owner;
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class TestPage:
    async def test_makes_a_journal_that_asks_the_guard(self, books: Bookkeeping, stack: Stack) -> None:
        await books.move("2024-03", PeriodGate.closed, Module.AR)
        said: dict[str, Any] = {}
        exec(compile("\n".join(blocks("python")), str(PAGE), "exec"), said)  # noqa: S102 -- the page's own
        engine = connect(stack.endpoints.database_superuser_url)
        async with engine.connect() as at:
            raw: Any = (await at.get_raw_connection()).driver_connection
            await at.execute(text("SELECT 1"))
            for script in [OWNER, *blocks("sql")]:
                await raw.execute(script)
            session = AsyncSession(at)
            who = (books.house.id, books.house.ada.id)
            await said["issue"](session, *who, 1, date(2024, 4, 2), Decimal("10.50"))
            with pytest.raises(Conflict):
                async with session.begin_nested():
                    await said["issue"](session, *who, 2, date(2024, 3, 29), Decimal("0.50"))
            control = text("SELECT billing.control(:tenant, :entity, :period)")
            of = {"tenant": books.house.id, "entity": ENTITY, "period": books.periods["2024-04"]}
            assert (await session.scalar(control, of))["totals"] == [
                {"currency": "EUR", "debit": "10.5000", "credit": "10.5000"}
            ]
            await at.rollback()
        await engine.dispose()
