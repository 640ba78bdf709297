"""Sub-ledgers close before the general ledger, and a sequential scope closes its periods in their order."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from domain.closures.refusals import EarliestOpen, SubledgersOpen, YearOpen
from domain.closures.states import Mode
from domain.periods import PeriodGate, Posting, Scope, Status

_SHUT = frozenset({Status.CLOSED, Status.LOCKED})


@dataclass(frozen=True)
class PeriodStatus:
    """How the gate of one scope stands in the period of this code."""

    period: str
    status: Status


def earliest_open(before: Sequence[PeriodStatus]) -> str | None:
    """The code of the first of these periods, in their order, that is in the way of a close after them.

    Periods before the first that was ever opened are from before these books and are in nobody's way; one that was
    left out after it is.
    """
    began = next((index for index, each in enumerate(before) if each.status is not Status.PENDING), len(before))
    return next((each.period for each in before[began:] if each.status not in _SHUT), None)


def check_chronology(scope: Scope, before: Sequence[PeriodStatus]) -> None:
    """Raises EarliestOpen where the scope is sequential and not all before it is closed."""
    found = earliest_open(before) if scope.sequential else None
    if found is not None:
        raise EarliestOpen(scope=scope.code, earliest_open=found)


def run_up(stands: Sequence[PeriodStatus]) -> tuple[str, ...]:
    """What a gapless close of the last of these periods closes, in order: from the earliest open one on."""
    first = earliest_open(stands)
    codes = [each.period for each in stands]
    open_from = codes.index(first) if first is not None else len(codes)
    return tuple(each.period for each in stands[open_from:] if each.status not in _SHUT)


def closing_order(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """The order of a freeze and of what is told; locks are taken in the order of gate keys instead."""
    return tuple(sorted(scopes, key=lambda each: (each.ledger, each.code)))


def open_subledgers(
    scopes: Iterable[Scope], closing: Collection[str], gates: Iterable[PeriodGate], mode: Mode = Mode.HARD
) -> list[str]:
    """The codes of those that are open in this period and not to be closed with a general ledger that is.

    A soft close asks no more of them than that they are soft-closed. None where no general ledger is to be closed.
    """
    known = {each.code: each for each in scopes}
    if not any(known[code].ledger for code in closing if code in known):
        return []
    others = {code for code, each in known.items() if not each.ledger} - set(closing)
    return sorted(each.key.scope for each in gates if each.key.scope in others and _in_the_way(each, mode))


def check_subledgers(
    scopes: Iterable[Scope], closing: Collection[str], gates: Iterable[PeriodGate], mode: Mode = Mode.HARD
) -> None:
    """Raises SubledgersOpen."""
    found = open_subledgers(scopes, closing, gates, mode)
    if found:
        raise SubledgersOpen(open=found)


def check_year(stands: Iterable[PeriodStatus], apart_from: str | None = None) -> None:
    """Raises YearOpen with every period of the year, standard or adjusting, that is not closed, `apart_from` one."""
    found = [each.period for each in stands if each.status not in _SHUT and each.period != apart_from]
    if found:
        raise YearOpen(open=found)


def _in_the_way(gate: PeriodGate, mode: Mode) -> bool:
    return gate.status is Status.OPEN and (mode is not Mode.SOFT or gate.posting is Posting.ALL)
