"""When to remind, when to ask others, and when time is up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.approvals.policy import ApprovalPolicy, TimeoutScope


@dataclass(frozen=True)
class Timetable:
    """Instants of one request or, with scope level, of its open level; `escalates` is when others are asked, too."""

    deadline: datetime
    reminders: tuple[datetime, ...]
    escalates: datetime | None = None

    @classmethod
    def of(
        cls, policy: ApprovalPolicy, *, requested_at: datetime, level_opened_at: datetime, level: int | None = None
    ) -> "Timetable":
        """`level` is the index of an open level that has not been escalated."""
        origin = level_opened_at if policy.scope is TimeoutScope.LEVEL else requested_at
        deadline = policy.after(origin, policy.deadline)
        reminders = (policy.after(origin, offset) for offset in policy.reminders if offset < policy.deadline)
        asks_others = level is not None and level < len(policy.levels) and policy.levels[level].escalates_to is not None
        escalates = policy.after(origin, policy.deadline / 2) if asks_others else None
        return cls(deadline, tuple(at for at in reminders if at < deadline), escalates)

    def next_after(self, now: datetime) -> datetime:
        """The next reminder, the moment to ask others, else the deadline (either may already be past)."""
        coming = [at for at in self.reminders if at > now]
        return min([*coming[:1], *([self.escalates] if self.escalates else []), self.deadline])

    def wait(self, now: datetime) -> timedelta:
        """How long until then, never negative."""
        return max(self.next_after(now) - now, timedelta(0))
