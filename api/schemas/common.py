"""The kinds of value that many requests and answers share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from domain.environments import Environment

KEY = r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}$"
HANDLE = r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
LARGEST = 2**53 - 1
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class In(BaseModel):
    """A request: an unknown field is a fault, not a wish that was overlooked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """An answer: every field is always there."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _written(value: Any) -> Any:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        return value
    raise ValueError("expected an RFC 3339 instant with an offset, like 2026-01-31T12:00:00Z")


def _sensible(value: datetime) -> datetime:
    if not _EARLIEST <= value < _LATEST:
        raise ValueError("expected an instant between 2000 and 2200")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_sensible)]
Key = Annotated[str, Field(pattern=KEY, examples=["new-checkout"])]
TargetKey = Annotated[str, Field(pattern=rf"{KEY}|^\$(evaluators|bucketing)$", examples=["new-checkout"])]
"""Of a flag, or of what an environment's flags have in common: the rules that they share, and their bucketing."""
Handle = Annotated[str, Field(pattern=HANDLE, examples=["ada"])]
Mail = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
Digest = Annotated[str, Field(pattern=DIGEST)]
Variant = Annotated[str, Field(min_length=1, max_length=1000)]
Reason = Annotated[
    str,
    StringConstraints(min_length=3, max_length=2000, strip_whitespace=True),
    Field(examples=["Checkout in 2 steps"]),
]
Comment = Annotated[str, StringConstraints(max_length=2000)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Version = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Object = dict[str, Any]
"""A JSON object whose rules the domain checks."""


class ReasonIn(In):
    reason: Reason


class TargetOut(Out):
    environment: Environment
    kind: str
    key: str


class ProblemOut(BaseModel):
    """RFC 9457; a problem of kind `invalid` lists its faults, others carry facts of their own."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    instance: str


PrincipalId = UUID
