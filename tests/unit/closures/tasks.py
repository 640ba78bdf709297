"""People, tasks and times from which the tests of closes are made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from domain.closures import ClosureTask, Seen, TaskKind, TaskPlan, TaskState

_HERE = UUID(int=5)
ADA, BOB, CYD, DEE = (uuid5(_HERE, name) for name in ("ada", "bob", "cyd", "dee"))
RUN = uuid5(_HERE, "run")
NOON = datetime(2024, 4, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEEN = Seen("sha256:one", Decimal("100.00"), Decimal("100.00"))
MOVED = Seen("sha256:two", Decimal("110.00"), Decimal("110.00"))


def plan(key: str = "bank", *after: str, **given: Any) -> TaskPlan:
    made = TaskPlan(key, key.capitalize(), TaskKind.MANUAL, ADA, BOB, after)
    return replace(made, **given)


def task(key: str = "bank", *after: str, **given: Any) -> ClosureTask:
    """Ready, where nothing else is said."""
    own = {name: given.pop(name) for name in list(given) if name in ClosureTask.__dataclass_fields__}
    return replace(ClosureTask(uuid5(RUN, key), RUN, plan(key, *after, **given), TaskState.READY), **own)


def reconciled(seen: Seen = SEEN, **given: Any) -> ClosureTask:
    """A reconciliation that Ada prepared and Bob reviewed."""
    made = task(kind=TaskKind.RECONCILIATION, **given)
    return made.complete(ADA, NOON, seen).approve(BOB, NOON + HOUR, seen)
