"""What the books of one module say about one period of an entity."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from domain.canonical import Json
from domain.closures.amounts import amount, less, told, total

MOST_LISTED = 100
K = TypeVar("K", str, tuple[str, str])


@dataclass(frozen=True)
class Total:
    """What was debited and credited in one currency."""

    currency: str
    debit: Decimal
    credit: Decimal

    @property
    def difference(self) -> Decimal:
        return less(self.debit, self.credit)

    def to_json(self) -> Json:
        return {"currency": self.currency, "debit": told(self.debit), "credit": told(self.credit)}

    @staticmethod
    def of_json(raw: Json) -> "Total":
        return Total(str(raw["currency"]), amount(raw["debit"]), amount(raw["credit"]))


@dataclass(frozen=True)
class Control:
    """The cut-off of a module: how much was posted, up to which entry; `digest` is that of its posted lines.

    Totals stand by currency, one each.
    """

    module: str
    scope: str
    entries: int
    high_water: str | None = None
    totals: tuple[Total, ...] = ()
    digest: str | None = None

    def __post_init__(self) -> None:
        named = [each.currency for each in self.totals]
        if len(set(named)) < len(named):
            raise ValueError("one total for each currency")
        object.__setattr__(self, "totals", tuple(sorted(self.totals, key=lambda each: each.currency)))

    def to_json(self) -> Json:
        return {
            "module": self.module,
            "scope": self.scope,
            "entries": self.entries,
            "high_water": self.high_water,
            "totals": [each.to_json() for each in self.totals],
            "digest": self.digest,
        }

    @staticmethod
    def of_json(raw: Json) -> "Control":
        totals = tuple(Total.of_json(each) for each in raw["totals"])
        return Control(
            raw["module"], raw["scope"], int(raw["entries"]), raw.get("high_water"), totals, raw.get("digest")
        )


@dataclass(frozen=True)
class Item:
    """An entry that is in the way of a close."""

    id: str
    day: date
    description: str = ""

    def to_json(self) -> Json:
        return {"id": self.id, "date": self.day.isoformat(), "description": self.description}


@dataclass(frozen=True)
class Entry:
    """One that was posted; `amounts` are what it debits, and so credits, by currency."""

    id: str
    day: date
    amounts: Mapping[str, Decimal]

    def to_json(self) -> Json:
        amounts = [{"currency": name, "amount": told(self.amounts[name])} for name in sorted(self.amounts)]
        return {"id": self.id, "date": self.day.isoformat(), "amounts": amounts}


@dataclass(frozen=True)
class PostedSince:
    """The first of so many entries, in the order in which they were posted."""

    count: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if self.count < len(self.entries) or len(self.entries) > MOST_LISTED:
            raise ValueError(f"at most {MOST_LISTED} entries of those that were counted")

    def to_json(self) -> Json:
        return {"count": self.count, "entries": [each.to_json() for each in self.entries]}


class AccountKind(StrEnum):
    """A suspense account stands in the balance sheet, too, and is empty when everything has found its place."""

    BALANCE_SHEET = "balance-sheet"
    PROFIT_AND_LOSS = "profit-and-loss"
    SUSPENSE = "suspense"


@dataclass(frozen=True)
class Balance:
    """Debits less credits of an account in its fiscal year, up to the end of a period."""

    account: str
    kind: AccountKind
    currency: str
    balance: Decimal


def summed(amounts: Iterable[tuple[K, Decimal]]) -> dict[K, Decimal]:
    """The sum of what has the same name, in the order of the names."""
    found: dict[K, list[Decimal]] = defaultdict(list)
    for name, each in amounts:
        found[name].append(each)
    return {name: total(found[name]) for name in sorted(found)}
