"""Processes of several commands: each step follows the one before it, and what was done is undone in reverse."""

from domain.sagas.refusals import ProcessConflict, ProcessTypeMissing, WrongProcessState
from domain.sagas.saga import Next, Saga, Turn
from domain.sagas.starting import ProcessType, SagaKey, Wish, fingerprint, name_of, shape_faults
from domain.sagas.states import AT_WORK, OVER, SagaState, StepState
from domain.sagas.step import Step

__all__ = [
    "AT_WORK",
    "OVER",
    "Next",
    "ProcessConflict",
    "ProcessType",
    "ProcessTypeMissing",
    "Saga",
    "SagaKey",
    "SagaState",
    "Step",
    "StepState",
    "Turn",
    "Wish",
    "WrongProcessState",
    "fingerprint",
    "name_of",
    "shape_faults",
]
