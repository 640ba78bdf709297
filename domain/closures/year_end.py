"""At the end of a year profit and loss go to retained earnings, and the next year opens as this one closed."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.closures.amounts import negative, told
from domain.closures.controls import AccountKind, Balance, summed


@dataclass(frozen=True)
class ClosingLine:
    """Debited where the amount is positive, credited where it is negative."""

    account: str
    currency: str
    amount: Decimal


def retained_earnings(balances: Iterable[Balance]) -> dict[str, Decimal]:
    """By currency what is credited to retained earnings: minus the sum of profit and loss, so a profit is positive.

    Currencies whose profit and loss is nothing are left out.
    """
    sums = summed((each.currency, each.balance) for each in balances if _passing(each))
    return {currency: negative(found) for currency, found in sums.items() if found}


def closing_lines(balances: Iterable[Balance], retained: str) -> tuple[ClosingLine, ...]:
    """Lines that bring every account of profit and loss to nothing, against the account `retained`.

    They balance in every currency; of a year that was closed already there are none.
    """
    found = tuple(balances)
    accounts = _by_place(each for each in found if _passing(each))
    emptied = tuple(ClosingLine(*place, negative(held)) for place, held in accounts.items() if held)
    carried = tuple(
        ClosingLine(retained, currency, negative(held)) for currency, held in retained_earnings(found).items()
    )
    return emptied + carried


def opening_balances(closing: Iterable[Balance], lines: Iterable[ClosingLine] = ()) -> dict[tuple[str, str], Decimal]:
    """By account and currency what the next year begins with, once these closing lines are posted."""
    moved = [Balance(each.account, AccountKind.BALANCE_SHEET, each.currency, each.amount) for each in lines]
    sums = _by_place([*closing, *moved])
    return {place: held for place, held in sums.items() if held}


def _by_place(balances: Iterable[Balance]) -> dict[tuple[str, str], Decimal]:
    return summed(((each.account, each.currency), each.balance) for each in balances)


def earnings_told(found: dict[str, Decimal]) -> dict[str, str]:
    return {currency: told(each) for currency, each in found.items()}


def _passing(balance: Balance) -> bool:
    return balance.kind is AccountKind.PROFIT_AND_LOSS
