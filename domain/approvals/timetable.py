"""When to remind and when time is up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.approvals.policy import ApprovalPolicy, TimeoutScope


@dataclass(frozen=True)
class Timetable:
    """Instants of one request or, with scope level, of its open level."""

    deadline: datetime
    reminders: tuple[datetime, ...]

    @classmethod
    def of(cls, policy: ApprovalPolicy, *, requested_at: datetime, level_opened_at: datetime) -> "Timetable":
        origin = level_opened_at if policy.scope is TimeoutScope.LEVEL else requested_at
        deadline = origin + policy.deadline
        return cls(deadline, tuple(origin + offset for offset in policy.reminders if origin + offset < deadline))

    def next_after(self, now: datetime) -> datetime:
        """The next reminder, else the deadline (which may already be past)."""
        return next((at for at in self.reminders if at > now), self.deadline)

    def wait(self, now: datetime) -> timedelta:
        """How long until then, never negative."""
        return max(self.next_after(now) - now, timedelta(0))
