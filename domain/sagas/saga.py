"""A process goes from step to step until one fails or a person stops it; then it undoes what was done, in reverse."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.canonical import Json
from domain.sagas.refusals import WrongProcessState
from domain.sagas.starting import SagaKey
from domain.sagas.states import FORTH, OVER, SagaState, StepState
from domain.sagas.step import Step

_S, _T = SagaState, StepState
CANCELED = "canceled"


class Turn(StrEnum):
    PLAN = "plan"
    SEND = "send"
    UNDO = "undo"
    WAIT = "wait"
    REST = "rest"


@dataclass(frozen=True)
class Next:
    """What a process does now; `step` is what it sends, or undoes."""

    turn: Turn
    step: Step | None = None


@dataclass(frozen=True)
class Saga:
    """Its steps are not known before it is planned. `back`: it undoes what was done, because of `why`.

    `starter` is in whose name its commands are sent.
    """

    tenant: UUID
    type: str
    id: str
    data: Json
    fingerprint: str
    starter: UUID | None
    started_at: datetime
    correlation: UUID
    schema_version: int = 1
    causation: str | None = None
    change: UUID | None = None
    state: SagaState = SagaState.STARTED
    steps: tuple[Step, ...] | None = None
    back: bool = False
    why: str = ""
    ended_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> SagaKey:
        return self.type, self.id

    @property
    def domain(self) -> str:
        return self.type.partition(".")[0]

    @property
    def workflow_id(self) -> str:
        return f"process/{self.tenant}/{self.type}/{self.id}"

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def in_flight(self) -> tuple[Step, ...]:
        return tuple(each for each in self.steps or () if each.awaited is not None)

    @property
    def results(self) -> dict[str, Json]:
        """Of the steps that are done, by their names."""
        done = {_T.COMPLETED, _T.UNDOING, _T.UNDO_PARKED, _T.UNDO_FAILED, _T.UNDONE}
        return {each.name: each.result for each in self.steps or () if each.state in done}

    @property
    def next(self) -> Next:
        if self.over:
            return Next(Turn.REST)
        if self.steps is None:
            return Next(Turn.PLAN) if not self.back else Next(Turn.REST)
        if any(each.state in {*FORTH, _T.UNDOING} for each in self.steps):
            return Next(Turn.WAIT)
        if self.back:
            undo = next((each for each in reversed(self.steps) if each.to_undo), None)
            return Next(Turn.UNDO, undo) if undo else Next(Turn.WAIT if self.in_flight else Turn.REST)
        send = next((each for each in self.steps if each.state is _T.WAITING), None)
        return Next(Turn.SEND, send) if send else Next(Turn.REST)

    def step(self, name: str) -> Step:
        return next(each for each in self.steps or () if each.name == name)

    def command_id(self, step: Step) -> str:
        return f"{self.type}:{self.id}:{step.name}"

    def undo_id(self, step: Step) -> str:
        """Each time it is undone by another command: the one before was not executed."""
        return f"{self.command_id(step)}:undo{step.undos + 1 if step.undos else ''}"

    def planned(self, steps: Iterable[Step]) -> "Saga":
        return replace(self, steps=tuple(steps))

    def unplanned(self, why: str) -> "Saga":
        """Nothing of it can be said, so nothing of it is done."""
        return replace(self, steps=(), back=True, why=why)

    def moved(self, step: Step) -> "Saga":
        """One that fails turns it back."""
        steps = tuple(step if each.name == step.name else each for each in self.steps or ())
        if step.state is _T.FAILED and not self.back:
            return replace(self, steps=steps, back=True, why=f"{step.name}: {step.why}")
        return replace(self, steps=steps)

    def turned(self, why: str = CANCELED) -> "Saga":
        """From outside; WrongProcessState where it is over or on its way back."""
        if self.over or self.back:
            raise WrongProcessState(state=self.state.value)
        return replace(self, steps=self.steps or (), back=True, why=why)

    def retried(self) -> "Saga":
        """What could not be undone is tried once more; WrongProcessState where there is no such thing."""
        if self.state is not _S.COMPENSATION_FAILED:
            raise WrongProcessState(state=self.state.value, wanted=_S.COMPENSATION_FAILED.value)
        steps = tuple(each.again() if each.state is _T.UNDO_FAILED else each for each in self.steps or ())
        return replace(self, steps=steps, state=_S.COMPENSATING, ended_at=None)

    def settled(self, at: datetime) -> "Saga":
        """In the state that its steps make; over when there is nothing more to do."""
        if self.over:
            return self
        if self.next.turn is Turn.REST:
            return replace(self, state=self._end, ended_at=at)
        states = {each.state for each in self.steps or ()}
        if self.next.turn is Turn.WAIT and states & {_T.PARKED, _T.UNDO_PARKED} and not states & {_T.SENT, _T.UNDOING}:
            return replace(self, state=_S.WAITING_FOR_TSQ)
        if self.back:
            return replace(self, state=_S.COMPENSATING)
        return replace(self, state=_S.STARTED if self.steps is None else _S.WAITING_FOR_REPLY)

    @property
    def _end(self) -> SagaState:
        if not self.back:
            return _S.COMPLETED
        failed = any(each.state is _T.UNDO_FAILED for each in self.steps or ())
        return _S.COMPENSATION_FAILED if failed else _S.COMPENSATED
