"""While a period is being closed, financial changes are released by its close and by nothing else."""

from collections.abc import Iterable

from domain.closures.refusals import FinancialChangeHeld
from domain.periods import PeriodGate, Posting, Status

FINANCIAL = "financial"
"""The tag of a change that alters what is posted, or how."""


def check_release(tags: Iterable[str], gates: Iterable[PeriodGate], *, by_close: bool) -> None:
    """`gates` are those of the period in which the change would be released; FinancialChangeHeld."""
    if by_close or FINANCIAL not in set(tags):
        return
    soft = sorted(each.key.scope for each in gates if each.status is Status.OPEN and each.posting is not Posting.ALL)
    if soft:
        raise FinancialChangeHeld(scopes=soft)
