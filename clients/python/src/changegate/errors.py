"""What the API does not do it says why, by a kind that programs act on and a sentence that people read."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final


class ChangegateError(Exception):
    """Everything that this package raises on purpose."""


class Unreachable(ChangegateError):
    """Nobody answered, or something else than the API did; what was asked for may have happened."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what was sent: a JSON Pointer into it, and what was expected."""

    path: str
    message: str


class Refused(ChangegateError):
    """The API's answer is no: `kind` is the problem type, `title` its sentence, `facts` whatever else it says."""

    def __init__(self, status: int, kind: str, title: str, facts: Mapping[str, Any] | None = None) -> None:
        self.status = status
        self.kind = kind
        self.title = title
        self.facts = dict(facts or {})
        self.faults = tuple(_fault(each) for each in self.facts.pop("faults", ()) or ())
        super().__init__(self._sentence())

    @property
    def detail(self) -> str:
        """The sentence with every fault, a line each."""
        return "".join([self.title, *(f"\n  {each.path or '/'}: {each.message}" for each in self.faults)])

    def _sentence(self) -> str:
        return f"{self.detail} ({self.status} {self.kind})"


class NotKnown(Refused):
    """401: the token is not accepted."""


class NotAllowed(Refused):
    """403: it is not for this person or application to do."""


class NotFound(Refused):
    """404: there is no such thing in this tenant."""


class Conflict(Refused):
    """409: the state of things does not allow it."""


class Stale(Refused):
    """412 or 428: somebody wrote in between, or no version was named; read again."""


class Invalid(Refused):
    """400, 413 or 422: what was sent is not valid; `faults` says where."""


class Unavailable(Refused):
    """429 or 5xx: try again later."""


class SecretNotKept(ChangegateError):
    """A secret is never kept here; ask for it with `reveal`."""


class Unset(ChangegateError, LookupError):
    """Nobody said anything about this setting, it has no default, and none was given."""


class WrongType(ChangegateError, TypeError):
    """The setting is of another type than the program expects."""


_KINDS: Final[dict[int, type[Refused]]] = {
    HTTPStatus.BAD_REQUEST: Invalid,
    HTTPStatus.UNAUTHORIZED: NotKnown,
    HTTPStatus.FORBIDDEN: NotAllowed,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: Stale,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Invalid,
    HTTPStatus.UNPROCESSABLE_ENTITY: Invalid,
    HTTPStatus.PRECONDITION_REQUIRED: Stale,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
}


def refused(status: int, problem: Mapping[str, Any]) -> Refused:
    """The class by status, because a newer API may know kinds that this client does not."""
    told = {name: value for name, value in problem.items() if name not in {"type", "title", "status", "instance"}}
    kind = str(problem.get("type", "about:blank")).rpartition("/")[2]
    default = Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
    return _KINDS.get(status, default)(status, kind, str(problem.get("title") or f"Status {status}."), told)


def _fault(found: Any) -> Fault:
    return (
        Fault(str(found.get("path", "")), str(found.get("message", ""))) if isinstance(found, dict) else Fault("", "")
    )
