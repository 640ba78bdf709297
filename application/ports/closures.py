"""Closes of periods as they are stored: attempts, tasks and signatures, what was found, and what was certified."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.closures.certificate import Certificate
from domain.closures.checks import CheckResult
from domain.closures.evidence import Evidence
from domain.closures.run import ClosureRun
from domain.closures.states import RunState
from domain.closures.tasks import ClosureTask
from domain.closures.templates import Template

Place = tuple[datetime, UUID]
"""Where a page, newest first, ended."""


@dataclass(frozen=True)
class RunLine:
    """One line of the timeline; `step` is unique in the run, and the first line has no state before it."""

    run: UUID
    seq: int
    step: str
    from_state: RunState | None
    to_state: RunState
    cause: str
    at: datetime
    actor: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ClosureTemplate:
    template: Template
    written_by: UUID
    written_at: datetime
    reason: str


class Closures(Protocol):
    """Attempts at closing periods, of one tenant."""

    async def add(self, run: ClosureRun) -> None:
        """AlreadyExists while another attempt at this period is not over."""
        ...

    async def get(self, run: UUID, *, lock: bool = False) -> ClosureRun | None:
        """With its certificate, once it has one."""
        ...

    async def last(self, entity: str, period: UUID) -> ClosureRun | None:
        """The newest attempt."""
        ...

    async def running(self) -> list[ClosureRun]:
        """Those that are not over, the oldest first."""
        ...

    async def page(self, entity: str | None, before: Place | None, limit: int) -> list[ClosureRun]:
        """Newest first."""
        ...

    async def save(self, run: ClosureRun) -> None:
        """RunOver when what is stored is over."""
        ...

    async def mark_started(self, run: UUID) -> None: ...
    async def step(self, run: UUID, step: str) -> RunLine | None: ...
    async def append(self, line: RunLine) -> None:
        """AlreadyExists where its step or its number is taken."""
        ...

    async def timeline(self, run: UUID) -> list[RunLine]: ...
    async def put_tasks(self, tasks: Sequence[ClosureTask]) -> None:
        """Tasks of one run: all of them the first time, in their order, and later those that changed."""
        ...

    async def tasks(self, run: UUID) -> list[ClosureTask]:
        """In their order."""
        ...

    async def task(self, run: UUID, key: str) -> ClosureTask | None: ...
    async def changed(self, run: UUID, revision: int) -> tuple[list[ClosureTask], int]:
        """Those that were put after this revision of the run's tasks, in their order; and which it is now."""
        ...

    async def put_results(self, run: UUID, results: Sequence[CheckResult]) -> None:
        """As the next round."""
        ...

    async def results(self, run: UUID) -> list[CheckResult]:
        """Those of the newest round, by check."""
        ...

    async def decide(self, run: UUID, result: CheckResult) -> None:
        """What a person said of a result of the newest round. NotWaivable, SodViolation."""
        ...

    async def certify(self, run: ClosureRun, certificate: Certificate) -> None:
        """ChainBroken unless it continues the one before it; AlreadyExists where the run has one."""
        ...

    async def certificates(self, entity: str, period: UUID) -> list[Certificate]:
        """The chain of a period, oldest first."""
        ...


class ClosurePapers(Protocol):
    """What a close is made by and proven with: templates of tasks, and evidence."""

    async def template(self, code: str, version: int | None = None) -> ClosureTemplate | None:
        """The newest, unless a version is named."""
        ...

    async def templates(self, after: str, limit: int) -> list[ClosureTemplate]:
        """The newest of each, by code."""
        ...

    async def put_template(self, template: ClosureTemplate) -> None:
        """Over the version before its own: Stale."""
        ...

    async def keep(self, evidence: Evidence, content: bytes) -> None:
        """EvidenceAltered where the bytes are not what it says."""
        ...

    async def evidence(self, evidence: UUID) -> Evidence | None: ...
    async def content(self, evidence: UUID) -> bytes | None: ...
    async def evidence_of(self, run: UUID) -> list[Evidence]:
        """What was attached in this run, as it came."""
        ...

    async def drop(self, evidence: UUID) -> None:
        """EvidenceRetained before its time is over."""
        ...
