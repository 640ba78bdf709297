"""The guided run of the example ends well, whatever is refused on its way."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from adapters.embedded.stack import Stack
from domain.periods import LateEntries, PeriodGate
from tests.integration.ledger.bookkeeping import ENTITY, Bookkeeping

ROOT = Path(__file__).parents[3]


async def command(*words: str, **more: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "examples.ledger", *words, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python" / "src"), **more},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


async def told(books: Bookkeeping, url: str, what: str = "run") -> str:
    who = ("--tenant", str(books.house.id), "--entity", ENTITY, "--person", str(books.house.ada.id))
    return await command(what, *who, "--day", "2024-12-16", LEDGER_DATABASE=url)


async def test_the_ledger_is_installed_once(stack: Stack, ledger_url: str) -> None:
    owner = stack.endpoints.database_superuser_url
    said = await command("install", "--owner-database", owner, "--login", "ledger_other", LEDGER_PASSWORD="secret")
    assert said.splitlines() == ["the schema `ledger` is there", "ledger_other writes to it"]


@pytest.mark.req("FP70")
async def test_a_month_is_told_with_what_is_refused(books: Bookkeeping, ledger_url: str) -> None:
    await books.room.late(LateEntries.SWEEP)
    await books.move("2024-11", PeriodGate.closed)
    told_once = await told(books, ledger_url)
    assert "yes  trial balance" in told_once
    assert "no   AP  An advertisement, a cent off: Debit and credit" in told_once
    assert "no   cancelled by hand: A posted entry stays as it is" in told_once
    assert "on 2024-12-01, epoch 1, dated 2024-11-28" in told_once
    assert "yes  PAY: 1 entries" in told_once


async def test_a_closed_month_takes_nothing(books: Bookkeeping, ledger_url: str) -> None:
    await books.move("2024-12", PeriodGate.closed)
    refused = await told(books, ledger_url)
    assert refused.count("is closed and cannot be modified.") == 8
    assert "yes  reversed" not in refused


@pytest.mark.req("FP40")
async def test_a_bill_posted_past_the_ledger_meets_the_guard_and_leaves_nothing(
    books: Bookkeeping, ledger_url: str
) -> None:  # fmt: skip
    await told(books, ledger_url)
    assert await told(books, ledger_url, "slip") == "it went in\n"
    await books.move("2024-12", PeriodGate.soft_closed)
    assert (await told(books, ledger_url, "slip")).startswith("FP004 Period 'FY2024 P12' is locked.")
    assert await told(books, ledger_url, "discard") == "threw away AP An advertisement, a cent off\n"
