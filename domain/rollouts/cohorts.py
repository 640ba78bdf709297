"""A cohort of tenants grows and never changes its mind: the same tenants come first at every percentage and retry."""

import hashlib
import math
from collections.abc import Collection, Iterable

BUCKETS = 10_000


def bucket(subject: str, *, salt: str) -> int:
    """0 to 9999: sha256 of `salt:subject`, modulo 10000. The salt is the target's: a retry meets the same tenants."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{subject}".encode()).digest()) % BUCKETS


def cohort(
    tenants: Iterable[str], percent: float, *, salt: str, include: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str]:
    """`percent` of the tenants, rounded up, at least one, and all of them at 100.

    `include` come first and always; `exclude` come only at 100, even if included. ValueError unless 0 < percent <= 100.
    """
    if not 0 < percent <= 100:  # noqa: PLR2004 -- per cent
        raise ValueError("a cohort is more than 0 and at most 100 per cent")
    everyone = frozenset(tenants)
    if percent == 100:  # noqa: PLR2004 -- per cent
        return everyone
    eligible = everyone - frozenset(exclude)
    pinned = eligible & frozenset(include)
    order = sorted(eligible, key=lambda tenant: (tenant not in pinned, bucket(tenant, salt=salt), tenant))
    return frozenset(order[: max(1, len(pinned), share_of(len(everyone), percent))])


def share_of(many: int, percent: float) -> int:
    """Rounded up, but first rounded: 29 per cent of 100 are 29 and not 30, whatever binary fractions say."""
    return math.ceil(round(many * percent / 100, 9))
