"""Processes of several commands on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.commands import Cause
from api.schemas.common import In, Object, Out
from api.schemas.parked_commands import Why
from application.sagas.starting import Started
from domain.canonical import Json
from domain.commands import name_of as command_name
from domain.commands.shape import TYPE
from domain.sagas import ProcessType, Saga, SagaState, Step, StepState, Wish, name_of
from domain.sagas.operations import SagaAct, SagaDecision, SagaOperation
from domain.sagas.starting import ID, LATEST_VERSION, LONGEST_TYPE

Type = Annotated[str, Field(pattern=f"^{TYPE}$", max_length=LONGEST_TYPE, examples=["ledger.move-cash"])]
Id = Annotated[str, Field(pattern=f"^{ID}$", examples=["move-42"])]


class ProcessIn(In):
    """`id` is the starter's own: what is started again under it is the same process, or a conflict.

    Its commands have its `correlation`, and belong to its `change`; the first of them follows from `causation`.
    """

    type: Type
    id: Id
    data: Object
    schema_version: Annotated[int, Field(strict=True, ge=1, le=LATEST_VERSION)] = 1
    correlation: UUID | None = None
    causation: Cause | None = None
    change: UUID | None = None

    def wish(self) -> Wish:
        return Wish(**vars(self))


class StepOut(Out):
    """`command` does it, until `due_at` where it has a limit, and `undo` undid it last; `why` is what went wrong."""

    name: str
    undoable: bool
    state: StepState
    command: str | None
    due_at: datetime | None
    result: Json
    undo: str | None
    undos: int
    why: str

    @classmethod
    def of(cls, step: Step) -> "StepOut":
        said = {
            **vars(step),
            "command": command_name(step.command) if step.command else None,
            "undo": command_name(step.undo) if step.undo else None,
        }
        return cls(**said)


class ProcessOut(Out):
    """`steps` are null until they are known. It goes `back` because of `why`: what was done is undone."""

    type: str
    id: str
    schema_version: int
    data: Json
    fingerprint: str
    starter: UUID | None
    started_at: datetime
    correlation: UUID
    causation: str | None
    change: UUID | None
    state: SagaState
    back: bool
    why: str
    steps: list[StepOut] | None
    ended_at: datetime | None
    version: int

    @classmethod
    def of(cls, saga: Saga) -> "ProcessOut":
        steps = [StepOut.of(each) for each in saga.steps] if saga.steps is not None else None
        said = {**vars(saga), "steps": steps}
        return cls(**{name: said[name] for name in cls.model_fields})


class StartedOut(Out):
    """`replayed`: it was started before, and this is what has become of it."""

    process: ProcessOut
    replayed: bool

    @classmethod
    def of(cls, started: Started) -> "StartedOut":
        return cls(process=ProcessOut.of(started.saga), replayed=started.replayed)


class ProcessPage(Out):
    items: list[ProcessOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Saga], str | None]) -> "ProcessPage":
        return cls(items=[ProcessOut.of(each) for each in page[0]], next_cursor=page[1])


class ProcessTypeOut(Out):
    """`json_schema` is that of the data."""

    type: str
    schema_version: int
    json_schema: Json


class ProcessTypesOut(Out):
    items: list[ProcessTypeOut]

    @classmethod
    def of(cls, types: list[ProcessType]) -> "ProcessTypesOut":
        return cls(
            items=[
                ProcessTypeOut(type=each.type, schema_version=each.schema_version, json_schema=each.schema)
                for each in types
            ]
        )


class ProcessDecisionIn(In):
    """`operation_id` is the asker's own: asked again under it, the decision is made once and answered as before."""

    operation_id: UUID
    reason: Why

    def decision(self, act: SagaAct) -> SagaDecision:
        return SagaDecision(act, self.reason)


class ProcessOperationOut(Out):
    """A decision; `state` and `version` are those of its process when it had been made."""

    operation_id: UUID
    process: str
    act: SagaAct
    actor: UUID
    reason: str
    state: SagaState
    version: int
    at: datetime

    @classmethod
    def of(cls, made: SagaOperation) -> "ProcessOperationOut":
        said = {**vars(made), "operation_id": made.id, "process": name_of(made.key)}
        return cls(**{name: said[name] for name in cls.model_fields})
