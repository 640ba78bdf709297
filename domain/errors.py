"""Refusals: the ways a rule can say no. The API turns each into one problem type."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: `path` is a JSON Pointer (RFC 6901) into it, `message` says what was expected."""

    path: str
    message: str


class Refusal(Exception):
    """The request broke a rule."""

    kind: ClassVar[str] = "refused"

    def __init__(self, **facts: object) -> None:
        super().__init__((type(self).__doc__ or "").strip())
        self.facts = facts


class Invalid(Refusal):
    """The input is not valid."""

    kind = "invalid"

    def __init__(self, faults: Iterable[Fault], **facts: object) -> None:
        super().__init__(**facts)
        self.faults = tuple(faults)


class Missing(Refusal):
    """No such thing in this tenant."""

    kind = "missing"


class Gone(Refusal):
    """It was here, and is kept no longer."""

    kind = "gone"


class Unauthenticated(Refusal):
    """Who asks could not be established."""

    kind = "unauthenticated"


class Forbidden(Refusal):
    """This person may not do this."""

    kind = "forbidden"


class Conflict(Refusal):
    """The state of things does not allow this."""

    kind = "conflict"


class AlreadyExists(Conflict):
    """Something with this name exists already."""

    kind = "already-exists"


class Stale(Refusal):
    """Someone else changed this since you read it."""

    kind = "stale"


class PreconditionMissing(Refusal):
    """This write needs an If-Match header with the version that it replaces."""

    kind = "precondition-missing"


class TooMany(Refusal):
    """Too many requests; wait and try again."""

    kind = "too-many"


class Unavailable(Refusal):
    """A part that this request needs does not answer; nothing was changed."""

    kind = "unavailable"
