"""What the workflow of a process is told after each of its steps: names and states, never what commands carry."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action, Outcome
from domain.errors import Missing
from domain.people import Actor
from domain.sagas import Saga, SagaKey, SagaState, Step, StepState, Turn, name_of
from domain.sagas.states import FORTH, OVER

_BAD = frozenset({SagaState.COMPENSATED, SagaState.COMPENSATION_FAILED})


@dataclass(frozen=True)
class SagaStep:
    tenant: UUID
    type: str
    id: str

    @property
    def key(self) -> SagaKey:
        return self.type, self.id


@dataclass(frozen=True)
class StepBrief:
    name: str
    state: StepState
    why: str = ""

    @property
    def words(self) -> str:
        return f"`{self.name}`: {self.state.value}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True)
class SagaStand:
    """What the database holds. `turn` is what is to be done now, with the step that `name` says.

    `due_at` is when the time of a step is up that it waits for. `calling_off`: its command is to end unexecuted.
    """

    state: SagaState
    turn: Turn
    version: int
    why: str = ""
    name: str = ""
    steps: tuple[StepBrief, ...] = ()
    due_at: datetime | None = None
    calling_off: bool = False

    @property
    def over(self) -> bool:
        return self.state in OVER


async def locked(tx: Transaction, key: SagaKey) -> Saga:
    found = await tx.sagas.get(key, lock=True)
    if found is None:
        raise missing(key)
    return found


def missing(key: SagaKey) -> Missing:
    return Missing(kind_of_thing="process", process=name_of(key))


async def moved(
    tx: Transaction, before: Saga, after: Saga, *, action: Action = Action.PROCESS_MOVED, actor: Actor | None = None,
    reason: str | None = None,
) -> Saga:  # fmt: skip
    """The one place where it or a step of it changes state."""
    settled = after.settled(tx.now)
    if settled == before:
        return before
    saved = await tx.sagas.save(settled)
    old = {each.name: each for each in before.steps or ()}
    changed = [each for each in saved.steps or () if old.get(each.name) != each]
    told = {"state": saved.state.value, "cause": saved.why, "steps": {each.name: _said(each) for each in changed}}
    await record(
        tx, action, ("process", name_of(saved.key)), actor=actor, reason=reason, change=saved.change,
        outcome=Outcome.FAILURE if saved.state in _BAD else Outcome.SUCCESS,
        before={"state": before.state.value}, after=told,
    )  # fmt: skip
    return saved


def stand_of(saga: Saga, now: datetime) -> SagaStand:
    forth = [each for each in saga.steps or () if each.state in FORTH]
    coming = saga.next
    return SagaStand(
        saga.state, coming.turn, saga.version, saga.why, coming.step.name if coming.step else "",
        tuple(StepBrief(each.name, each.state, each.why) for each in saga.steps or ()),
        min((each.due_at for each in forth if each.due_at is not None), default=None),
        any(called_off(saga, each, now) for each in forth),
    )  # fmt: skip


def called_off(saga: Saga, step: Step, now: datetime) -> bool:
    """Whether what does it is not to be begun any more."""
    if step.state not in FORTH:
        return False
    return saga.back or (step.due_at is not None and step.due_at <= now)


def _said(step: Step) -> dict[str, str | None]:
    last = step.undo or step.command
    return {"state": step.state.value, "command": "/".join(last) if last else None, "cause": step.why}
