"""A value that somebody may want to set, and what would be said against it."""

from typing import Any

from api.schemas.common import In, Out
from domain.errors import Fault


class CheckIn(In):
    """`value` null is an explicit null."""

    value: Any


class FaultOut(Out):
    path: str
    message: str


class CheckOut(Out):
    """`faults` are those of a write at once, each at its JSON Pointer; none where the value is `valid`."""

    valid: bool
    faults: list[FaultOut]

    @classmethod
    def of(cls, faults: tuple[Fault, ...]) -> "CheckOut":
        return cls(valid=not faults, faults=[FaultOut(path=fault.path, message=fault.message) for fault in faults])
