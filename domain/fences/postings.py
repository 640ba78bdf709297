"""A posting of a module is taken in with the epoch it was made under: one made behind no gate of ours is not."""

from collections.abc import Iterable

from domain.fences.fence import Fence, FenceState
from domain.fences.refusals import EpochUnknown
from domain.periods import StaleEpoch


def check_epoch(present: int, given: int, fences: Iterable[Fence]) -> None:
    """`present` is the epoch of our gate, `fences` are those of one module at it.

    An older epoch is good where the module said what it had at the gate since; StaleEpoch after it was excluded.
    """
    if given > present:
        raise EpochUnknown(epoch=present, given=given)
    if given < present and shut_out(fences):
        raise StaleEpoch(epoch=present, given=given)


def shut_out(fences: Iterable[Fence]) -> bool:
    """Whether it was excluded, and has acknowledged nothing newer."""
    last = {FenceState.EXCLUDED: -1, FenceState.ACKNOWLEDGED: -1}
    for each in fences:
        if each.state in last:
            last[each.state] = max(last[each.state], each.epoch)
    return last[FenceState.EXCLUDED] > last[FenceState.ACKNOWLEDGED]
