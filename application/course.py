"""In which request or workflow something happens; every audit event and log line carries it."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    trace_id: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    source_ip: str | None = None


_NOWHERE = Course()
_course: ContextVar[Course] = ContextVar("course")


def present() -> Course:
    return _course.get(_NOWHERE)


def enter(course: Course) -> None:
    """Set for the running task; the API does so for each request and the worker for each activity."""
    _course.set(course)
