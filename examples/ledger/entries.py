"""An entry is drafted with lines of one side each; once it is posted, only another entry takes it back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from changegate.guard import Operation

NOTHING = Decimal(0)


class Module(StrEnum):
    """The general ledger and its sub-ledgers, by the scope that the posting guard knows each by."""

    GL = "GL"
    AP = "AP"
    AR = "AR"
    INV = "INV"
    PAY = "PAY"


class AccountKind(StrEnum):
    """Suspense is of the balance sheet, and empty once everything is matched."""

    BALANCE_SHEET = "balance-sheet"
    PROFIT_AND_LOSS = "profit-and-loss"
    RETAINED_EARNINGS = "retained-earnings"
    SUSPENSE = "suspense"


@dataclass(frozen=True)
class Account:
    """With a currency, it takes no other."""

    code: str
    name: str
    kind: AccountKind
    currency: str | None = None


@dataclass(frozen=True)
class Line:
    account: str
    currency: str
    debit: Decimal = NOTHING
    credit: Decimal = NOTHING


def debit(account: str, amount: str | Decimal, currency: str = "EUR") -> Line:
    return Line(account, currency, debit=Decimal(amount))


def credit(account: str, amount: str | Decimal, currency: str = "EUR") -> Line:
    return Line(account, currency, credit=Decimal(amount))


@dataclass(frozen=True)
class Draft:
    """`period` is the number of an adjusting period; without it the date says which period."""

    module: Module
    on: date
    description: str
    lines: Sequence[Line] = field(default=())
    operation: Operation = "transaction"
    period: int | None = None


@dataclass(frozen=True)
class Entry:
    """Which entry: ids are those of a module."""

    module: Module
    id: UUID


@dataclass(frozen=True)
class Posted:
    """Where an entry came to stand; `original_date` is its document's, when that period no longer took it."""

    entry: Entry
    number: int
    on: date
    period_id: UUID
    epoch: int
    original_date: date | None = None
