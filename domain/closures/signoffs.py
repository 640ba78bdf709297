"""A sign-off holds for what was seen: when the balance moves it is suspended, and kept."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.closures.amounts import less


class Signer(StrEnum):
    PREPARER = "preparer"
    REVIEWER = "reviewer"


@dataclass(frozen=True)
class Seen:
    """What somebody signs for: `basis` is the digest of it; of a reconciliation both balances, too."""

    basis: str
    statement_balance: Decimal | None = None
    book_balance: Decimal | None = None


@dataclass(frozen=True)
class SignOff:
    """It is suspended when its basis moved, and superseded when the same was signed again."""

    role: Signer
    who: UUID
    at: datetime
    basis: str
    statement_balance: Decimal | None = None
    book_balance: Decimal | None = None
    suspended_at: datetime | None = None
    superseded_at: datetime | None = None

    @property
    def live(self) -> bool:
        return self.suspended_at is None and self.superseded_at is None

    @property
    def difference(self) -> Decimal | None:
        """What the statement says beyond the books; None where no balances were signed."""
        if self.statement_balance is None or self.book_balance is None:
            return None
        return less(self.statement_balance, self.book_balance)


def signed(role: Signer, who: UUID, at: datetime, seen: Seen) -> SignOff:
    return SignOff(role, who, at, seen.basis, seen.statement_balance, seen.book_balance)


def suspended(signoffs: tuple[SignOff, ...], basis: str, at: datetime) -> tuple[SignOff, ...]:
    """Those that hold for something else than `basis` no longer hold."""
    return tuple(replace(each, suspended_at=at) if each.live and each.basis != basis else each for each in signoffs)


def superseded(signoffs: tuple[SignOff, ...], at: datetime) -> tuple[SignOff, ...]:
    return tuple(each if each.superseded_at else replace(each, superseded_at=at) for each in signoffs)
