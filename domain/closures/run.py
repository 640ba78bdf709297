"""A run is one attempt to close the scopes of an entity in one period."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.closures.certificate import Certificate
from domain.closures.states import COMMITTED, OVER, Act, Mode, RunState, check_act, check_way
from domain.periods import GateKey, PeriodGate


@dataclass(frozen=True)
class ClosureRun:
    """`prior` are the gates as the freeze found them, `snapshot` the digest of what was validated.

    `approval` is the change whose votes decide; `supersedes` the run whose certificate this one follows.
    """

    id: UUID
    tenant: UUID
    entity: str
    period: UUID
    period_code: str
    scopes: tuple[str, ...]
    mode: Mode
    attempt: int
    requester: UUID
    state: RunState
    opened_at: datetime
    template: str | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None
    prior: tuple[PeriodGate, ...] = ()
    snapshot: str | None = None
    approval: UUID | None = None
    certificate: Certificate | None = None
    supersedes: UUID | None = None

    @property
    def workflow_id(self) -> str:
        return workflow_id_of(self.tenant, self.entity, self.period_code)

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def committed(self) -> bool:
        return self.state in COMMITTED

    def check(self, act: Act) -> None:
        """Raises RunOver, WrongRunState."""
        check_act(self.state, act)

    def moved(self, state: RunState) -> "ClosureRun":
        """Raises RunOver, WrongRunState. Whatever leads back to the tasks or the checks voids what was approved."""
        check_way(self.state, state)
        if state in {RunState.TASKS, RunState.VALIDATING, RunState.REMEDIATING}:
            return replace(self, state=state, snapshot=None, approval=None)
        return replace(self, state=state)

    def frozen(self, prior: tuple[PeriodGate, ...]) -> "ClosureRun":
        """FREEZING, with the gates as they were found; found again, they stay those that were found first."""
        return replace(self.moved(RunState.FREEZING), prior=self.prior or prior)

    def asked(self, snapshot: str, approval: UUID) -> "ClosureRun":
        """AWAITING_APPROVAL of what was validated."""
        return replace(self.moved(RunState.AWAITING_APPROVAL), snapshot=snapshot, approval=approval)

    def closed(self, certificate: Certificate, at: datetime) -> "ClosureRun":
        """NOTIFYING: the gates are closed, and who wants to know has yet to be told."""
        through = self if self.state is RunState.CLOSING else self.moved(RunState.CLOSING)
        return replace(through.moved(RunState.NOTIFYING), certificate=certificate, closed_at=at)


def workflow_id_of(tenant: UUID, entity: str, period_code: str) -> str:
    """Of every attempt at this period: one goes on at a time."""
    return f"period-close/{tenant}/{entity}/{period_code}"


def restored(
    prior: tuple[PeriodGate, ...], now: Mapping[GateKey, PeriodGate], by: UUID | None, at: datetime, reason: str
) -> list[PeriodGate]:
    """The gates as they were before the freeze, each at the epoch after its present one, in reverse order."""
    return [now[each.key].restored(each, by, at, reason) for each in reversed(prior)]
