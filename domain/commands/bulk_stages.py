"""A bulk decision reaches few commands first and then more: stages of so many, of a share, or of the rest."""

import re
from typing import Final

from domain.errors import Fault
from domain.rollouts.cohorts import share_of

REST: Final = "rest"
USUAL: Final = ("1", "10", "10%", REST)
ALL_AT_ONCE: Final = (REST,)
MOST_STAGES: Final = 20
_COUNT: Final = re.compile(r"[1-9][0-9]{0,5}")
_SHARE: Final = re.compile(r"([1-9][0-9]?|100)%")


def stage_faults(stages: tuple[str, ...]) -> list[Fault]:
    """What is no stage; `rest` comes last, or is understood."""
    if not 1 <= len(stages) <= MOST_STAGES:
        return [Fault("/stages", f"from 1 to {MOST_STAGES} stages")]
    wrong = [
        place
        for place, each in enumerate(stages)
        if not (_COUNT.fullmatch(each) or _SHARE.fullmatch(each) or (each == REST and place == len(stages) - 1))
    ]
    return [Fault(f"/stages/{place}", "a number, a share as 10%, or at last the rest") for place in wrong]


def sizes_of(stages: tuple[str, ...], total: int) -> tuple[int, ...]:
    """How many commands each stage reaches, of `total`; together all of them."""
    sizes: list[int] = []
    for each in (*stages, REST):
        left = total - sum(sizes)
        size = min(left, _size(each, total, left))
        sizes += [size] if size else []
    return tuple(sizes)


def _size(stage: str, total: int, left: int) -> int:
    if stage == REST:
        return left
    share = _SHARE.fullmatch(stage)
    return share_of(total, float(share[1])) if share else int(stage)
