"""What becomes of later periods, when an earlier one that they build on is reopened."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.closures.chronology import PeriodStatus
from domain.closures.refusals import CascadeUnconfirmed, LaterClosed
from domain.periods import Status


class LaterPolicy(StrEnum):
    """They stay closed and are stale; or nothing is reopened while they are closed; or they are reopened first."""

    ISOLATE = "isolate"
    BLOCK = "block"
    CASCADE = "cascade"


@dataclass(frozen=True)
class Later:
    """`stale`: closed on a balance that may move, until certified anew. `reopened`: newest first."""

    stale: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()


def later_periods(policy: LaterPolicy, after: Sequence[PeriodStatus], *, confirmed: bool) -> Later:
    """Of the periods after the one to be reopened, in their order.

    Raises LaterClosed where they block, or where one of a cascade is locked; CascadeUnconfirmed.
    """
    locked = [each.period for each in after if each.status is Status.LOCKED]
    shut = [each.period for each in after if each.status in {Status.CLOSED, Status.LOCKED}]
    if not shut:
        return Later()
    if policy is LaterPolicy.ISOLATE:
        return Later(stale=tuple(shut))
    if policy is LaterPolicy.BLOCK:
        raise LaterClosed(periods=shut)
    if locked:
        raise LaterClosed(periods=locked, locked=True)
    newest_first = tuple(reversed(shut))
    if not confirmed:
        raise CascadeUnconfirmed(periods=list(newest_first))
    return Later(reopened=newest_first)
