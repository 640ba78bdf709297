"""A stored check is judged again wherever its record is at hand."""

from dataclasses import dataclass

from domain.canonical import Json
from domain.gates import FormulaUnknown, replayed


@dataclass(frozen=True)
class ReplayedCheck:
    """`differs` are the places in the stored record that are not what judging it again gives."""

    number: int
    formula: str
    verdict: str
    exact: bool
    differs: tuple[str, ...] = ()


def replayed_check(number: int, record: Json, state: Json = None) -> ReplayedCheck:
    """A record of a formula that nobody here knows is not exact, and says which it was."""
    formula, verdict = str(record.get("formula")), str(record.get("verdict"))
    try:
        again = replayed(record, state)
    except FormulaUnknown:
        return ReplayedCheck(number, formula, verdict, exact=False, differs=("/formula",))
    return ReplayedCheck(number, formula, verdict, again.exact, again.differs)
