"""The facts of a frozen March, from which the tests of checks and certificates are made."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.closures import AccountKind, Balance, Control, Frozen, Item, Total
from domain.periods import GateKey, PeriodGate, Posting, Scope, Status
from tests.unit.closures.tasks import NOON, reconciled

GL, AP, AR = Scope("GL", "General ledger", ledger=True, sequential=True), Scope("AP", "Payables"), Scope("AR", "Sales")
MARCH = UUID(int=3)


def gate(
    scope: str, status: Status = Status.OPEN, posting: Posting = Posting.ADJUST_ONLY, epoch: int = 4
) -> PeriodGate:
    return PeriodGate(GateKey("de", MARCH, scope), status, posting, epoch, None, NOON, "close of March")


def euros(debit: str, credit: str) -> Total:
    return Total("EUR", Decimal(debit), Decimal(credit))


def control(module: str = "ledger", scope: str = "GL", *totals: Total, **given: Any) -> Control:
    made = Control(module, scope, 12, "e-12", totals or (euros("100.00", "100.00"),), "ab" * 32)
    return replace(made, **given)


def draft(name: str = "d-1") -> Item:
    return Item(name, date(2024, 3, 29), "Rent of March")


def balance(account: str, amount: str, currency: str = "EUR", kind: AccountKind = AccountKind.BALANCE_SHEET) -> Balance:
    return Balance(account, kind, currency, Decimal(amount))


def frozen(**given: Any) -> Frozen:
    """Nothing is in the way of closing everything."""
    made = Frozen(
        (GL, AP, AR),
        ("AP", "AR", "GL"),
        (gate("AP"), gate("AR"), gate("GL")),
        controls=(control(), control("payables", "AP")),
        tasks=(reconciled(),),
    )
    return replace(made, **given)
