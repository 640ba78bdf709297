"""A displayed interval holds at all times at once: an asymptotic confidence sequence for p_candidate - r*p_control."""

import math

HORIZON = 5000
"""The number of requests at which the sequence is tightest."""


def difference_interval(
    rates: tuple[float, float], requests: tuple[float, float], ratio: float, alpha: float, *, counts: bool = False
) -> tuple[float, float] | None:
    """(lower, upper) bound of p_candidate - ratio*p_control, each one-sided at `alpha`; None without arms or alpha.

    With `counts` the rates are multiples of an expected count, which is what `requests` then holds.

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv 2103.06476, one-sided form. Tuples are (candidate, control).
    """
    if min(requests) <= 0 or alpha <= 0:
        return None
    candidate, control = rates
    total = sum(requests)
    spare = (1.0, 1.0) if counts else (1 - candidate, 1 - control)
    variance = candidate * spare[0] / requests[0] + ratio * ratio * control * spare[1] / requests[1]
    log_two_alpha = -2 * math.log(2 * alpha)
    tuning = (log_two_alpha + math.log1p(log_two_alpha)) / HORIZON
    spread = total * tuning + 1
    width = math.sqrt(variance * total) * math.sqrt(
        2 * spread / (total * total * tuning) * math.log1p(math.sqrt(spread) / (2 * alpha))
    )
    middle = candidate - ratio * control
    return middle - width, middle + width
