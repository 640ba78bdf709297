"""A trial balance is a table of accounts with one amount each, a currency a line; debit and credit come out even."""

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Final

from examples.ledger.entries import Account, AccountKind, Line
from examples.ledger.refusals import TrialBalanceInvalid

COLUMNS: Final = ("account", "name", "kind", "held_in", "currency", "debit", "credit")
_AMOUNT: Final = re.compile(r"\d{1,16}(\.\d{1,4})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class TrialBalance:
    accounts: tuple[Account, ...]
    lines: tuple[Line, ...]


def read(written: str) -> TrialBalance:
    """From CSV with a header of COLUMNS. Raises TrialBalanceInvalid with `faults`, a sentence each by line.

    Whether it is even is for the books to say, to which it is posted.
    """
    rows = csv.DictReader(StringIO(written))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise TrialBalanceInvalid(faults=[f"line 1: the columns are {', '.join(COLUMNS)}"])
    accounts: dict[str, Account] = {}
    lines: dict[tuple[str, str], Line] = {}
    faults: list[str] = []
    for row in rows:
        wrong = _faults(row)
        if not wrong:
            account, line = _account(row), _line(row)
            if accounts.setdefault(account.code, account) != account:
                wrong.append(f"account {account.code} is another one above")
            if lines.setdefault((line.account, line.currency), line) is not line:
                wrong.append(f"account {account.code} stands above in {line.currency}")
        faults += [f"line {rows.line_num}: {each}" for each in wrong]
    if faults or not lines:
        raise TrialBalanceInvalid(faults=faults or ["line 2: there is no account"])
    return TrialBalance(tuple(accounts.values()), tuple(lines.values()))


def _faults(row: dict[str, str]) -> list[str]:
    if None in row.values() or None in row:
        return [f"has {len(COLUMNS)} columns"]
    kinds = set(AccountKind)
    checks = {
        "account has no code": row["account"].strip() == row["account"] != "",
        "account has no name": bool(row["name"].strip()),
        f"kind is one of {', '.join(AccountKind)}": row["kind"] in kinds,
        "held_in is a currency or empty": not row["held_in"] or bool(_CURRENCY.fullmatch(row["held_in"])),
        "currency is three capital letters": bool(_CURRENCY.fullmatch(row["currency"])),
        "either debit or credit is an amount, with at most four decimals": _one_amount(row["debit"], row["credit"]),
    }
    return [fault for fault, holds in checks.items() if not holds]


def _one_amount(debit: str, credit: str) -> bool:
    amount = debit or credit
    return not (debit and credit) and bool(_AMOUNT.fullmatch(amount)) and Decimal(amount) > 0


def _account(row: dict[str, str]) -> Account:
    return Account(row["account"], row["name"], AccountKind(row["kind"]), row["held_in"] or None)


def _line(row: dict[str, str]) -> Line:
    return Line(row["account"], row["currency"], Decimal(row["debit"] or 0), Decimal(row["credit"] or 0))
