"""A series closes many: each of its closes waits for those it comes after, and none begins once one has failed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.closures.graph import cycle_of
from domain.closures.refusals import SeriesOver, WrongSeriesState
from domain.closures.states import Mode, RunState
from domain.errors import Fault, Invalid

MOST_MEMBERS = 100
MOST_AT_ONCE = 20


class SeriesState(StrEnum):
    """STOPPED rests until a person resumes or aborts it; CLOSED and ABORTED are over."""

    RUNNING = "RUNNING"
    ABORTING = "ABORTING"
    STOPPED = "STOPPED"
    CLOSED = "CLOSED"
    ABORTED = "ABORTED"


class MemberState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    CLOSED = "closed"
    FAILED = "failed"


AT_REST = frozenset({SeriesState.STOPPED, SeriesState.CLOSED, SeriesState.ABORTED})
OVER = frozenset({SeriesState.CLOSED, SeriesState.ABORTED})


@dataclass(frozen=True)
class Member:
    """One close of a series; `after` are keys of those that are closed before it begins.

    `run` is the attempt that it follows, which somebody else began where it `joined` it; `why` says how it failed.
    """

    entity: str
    period: UUID
    period_code: str
    mode: Mode = Mode.HARD
    scopes: tuple[str, ...] | None = None
    template: str | None = None
    due_at: datetime | None = None
    after: tuple[str, ...] = ()
    state: MemberState = MemberState.WAITING
    run: UUID | None = None
    joined: bool = False
    why: str = ""

    @property
    def key(self) -> str:
        return f"{self.entity}/{self.period_code}"

    def begun(self, run: UUID, *, joined: bool) -> "Member":
        return replace(self, state=MemberState.RUNNING, run=run, joined=joined, why="joined" if joined else "")

    def closed_before(self, run: UUID | None) -> "Member":
        """Nothing of it was open when its turn came."""
        return replace(self, state=MemberState.CLOSED, run=run, joined=True, why="closed_before")

    def refused(self, kind: str) -> "Member":
        return replace(self, state=MemberState.FAILED, why=kind.replace("-", "_"))

    def ended(self, state: RunState) -> "Member":
        if state is RunState.CLOSED:
            return replace(self, state=MemberState.CLOSED)
        return replace(self, state=MemberState.FAILED, why=state.value.lower())

    def again(self) -> "Member":
        """Its turn comes once more."""
        return replace(self, state=MemberState.WAITING, run=None, joined=False, why="")


@dataclass(frozen=True)
class Series:
    """`requester` is in whose name closes are begun; at most `at_once` of them go on side by side.

    `aborted_by` is whoever ended it, and `abort_reason` why.
    """

    id: UUID
    tenant: UUID
    requester: UUID
    reason: str
    asked_at: datetime
    members: tuple[Member, ...]
    at_once: int = 1
    state: SeriesState = SeriesState.RUNNING
    why: str = ""
    aborted_by: UUID | None = None
    abort_reason: str = ""

    @property
    def workflow_id(self) -> str:
        return f"closure-series/{self.tenant}/{self.id}"

    @property
    def at_rest(self) -> bool:
        return self.state in AT_REST

    @property
    def over(self) -> bool:
        return self.state in OVER

    def member(self, key: str) -> Member | None:
        return next((each for each in self.members if each.key == key), None)

    def of(self, state: MemberState) -> tuple[Member, ...]:
        return tuple(each for each in self.members if each.state is state)

    @property
    def due(self) -> tuple[Member, ...]:
        """Those whose turn it is, in their order; none once one has failed or somebody aborts it."""
        if self.state is not SeriesState.RUNNING or self.of(MemberState.FAILED):
            return ()
        closed = {each.key for each in self.of(MemberState.CLOSED)}
        free = self.at_once - len(self.of(MemberState.RUNNING))
        return tuple(each for each in self.of(MemberState.WAITING) if closed.issuperset(each.after))[: max(free, 0)]

    @property
    def to_abort(self) -> tuple[Member, ...]:
        """What it began itself and is not over; what it joined belongs to somebody else."""
        if self.state is not SeriesState.ABORTING:
            return ()
        return tuple(each for each in self.of(MemberState.RUNNING) if not each.joined)

    def moved(self, member: Member) -> "Series":
        return replace(self, members=tuple(member if each.key == member.key else each for each in self.members))

    def settled(self) -> "Series":
        """At rest, once nothing of it goes on and nothing is to begin."""
        if self.state is SeriesState.ABORTING and not self.to_abort:
            return replace(self, state=SeriesState.ABORTED)
        if self.state is not SeriesState.RUNNING or self.of(MemberState.RUNNING):
            return self
        failed = self.of(MemberState.FAILED)
        if failed:
            return replace(self, state=SeriesState.STOPPED, why=f"{failed[0].key}: {failed[0].why}")
        return self if self.of(MemberState.WAITING) else replace(self, state=SeriesState.CLOSED, why="")

    def resumed(self, by: UUID) -> "Series":
        """What failed is tried once more, in the name of `by`. Raises SeriesOver, or WrongSeriesState."""
        self._check_not_over()
        if self.state is SeriesState.ABORTING or not self.of(MemberState.FAILED):
            raise WrongSeriesState(state=self.state.value)
        members = tuple(each.again() if each.state is MemberState.FAILED else each for each in self.members)
        return replace(self, requester=by, members=members, state=SeriesState.RUNNING, why="resumed")

    def aborted(self, why: str, by: UUID | None = None, reason: str = "") -> "Series":
        """Nothing begins any more. Raises SeriesOver, or WrongSeriesState where it is being aborted."""
        self._check_not_over()
        if self.state is SeriesState.ABORTING:
            raise WrongSeriesState(state=self.state.value)
        ending = replace(self, state=SeriesState.ABORTING, why=why, aborted_by=by, abort_reason=reason)
        return ending.settled()

    def _check_not_over(self) -> None:
        if self.over:
            raise SeriesOver(state=self.state.value)


def check_members(members: Sequence[Member]) -> None:
    """Raises Invalid, which names the circle where closes wait for each other in one."""
    if not 1 <= len(members) <= MOST_MEMBERS:
        raise Invalid([Fault("/closes", f"from 1 to {MOST_MEMBERS} closes")])
    keys = [each.key for each in members]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    unknown = sorted({each for member in members for each in member.after} - set(keys))
    faults = [Fault("/closes", f"{key} once") for key in twice]
    faults += [Fault("/closes", f"{key}, which others come after, as one of them") for key in unknown]
    if faults:
        raise Invalid(faults)
    circle = cycle_of({each.key: each.after for each in members})
    if circle:
        raise Invalid([Fault("/closes", f"no circle: {' -> '.join((*circle, circle[0]))}")])


def chain(members: Iterable[Member]) -> tuple[Member, ...]:
    """Each after the one before it."""
    found: list[Member] = []
    for each in members:
        found.append(replace(each, after=(*each.after, found[-1].key)) if found else each)
    return tuple(found)


def in_hand(members: Iterable[Member], key: str) -> frozenset[str]:
    """The keys of all that are closed before this one."""
    after = {each.key: each.after for each in members}
    found: set[str] = set()
    ahead = list(after[key])
    while ahead:
        each = ahead.pop()
        if each not in found:
            found.add(each)
            ahead.extend(after[each])
    return frozenset(found)
