"""Of those that wait for a place the urgent come first, and then who was approved first; the line is not endless."""

from domain.errors import Conflict, TooMany

DEPTH = 10
"""How many may wait for one place."""


class QueueFull(TooMany):
    """As many changes wait for this target as may; let some of them end first."""

    kind = "queue-full"


class NotApproved(Conflict):
    """Only what is approved itself can take the place of what is under way."""

    kind = "not-approved"


class NothingToSupersede(Conflict):
    """Nothing that could give way stands before this rollout."""

    kind = "nothing-to-supersede"
