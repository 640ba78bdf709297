"""Closes of periods in memory; what the tables refuse is refused here."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from adapters.memory.rows import Rows, Tick
from application.ports.closures import ClosureTemplate, Place, RunLine
from domain.closures.certificate import Certificate
from domain.closures.checks import CheckResult, Severity
from domain.closures.evidence import Evidence
from domain.closures.refusals import ChainBroken, NotWaivable, RunOver, SodViolation
from domain.closures.run import ClosureRun
from domain.closures.tasks import ClosureTask
from domain.errors import AlreadyExists, Stale


class MemoryClosures:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._runs = rows.closures

    async def add(self, run: ClosureRun) -> None:
        of_period = [each for each in self._runs.values() if (each.entity, each.period) == (run.entity, run.period)]
        taken = any(not each.over or each.attempt == run.attempt for each in of_period)
        if run.id in self._runs or taken:
            raise AlreadyExists
        self._runs[run.id] = run

    async def get(self, run: UUID, *, lock: bool = False) -> ClosureRun | None:
        del lock
        found = self._runs.get(run)
        return self._certified(found) if found else None

    async def last(self, entity: str, period: UUID) -> ClosureRun | None:
        of_period = [each for each in self._runs.values() if (each.entity, each.period) == (entity, period)]
        newest = max(of_period, key=lambda each: each.attempt, default=None)
        return self._certified(newest) if newest else None

    async def running(self) -> list[ClosureRun]:
        return sorted((each for each in self._runs.values() if not each.over), key=_place)

    async def page(self, entity: str | None, before: Place | None, limit: int) -> list[ClosureRun]:
        wanted = [
            each
            for each in self._runs.values()
            if entity in {None, each.entity} and (before is None or _place(each) < before)
        ]
        return [self._certified(each) for each in sorted(wanted, key=_place, reverse=True)[:limit]]

    async def save(self, run: ClosureRun) -> None:
        if self._runs[run.id].over:
            raise RunOver
        self._runs[run.id] = replace(run, certificate=None)

    async def mark_started(self, run: UUID) -> None:
        self._rows.closures_started.add(run)

    async def step(self, run: UUID, step: str) -> RunLine | None:
        return next((each for each in await self.timeline(run) if each.step == step), None)

    async def append(self, line: RunLine) -> None:
        lines = self._rows.closure_lines.get(line.run, ())
        if any(line.seq == each.seq or line.step == each.step for each in lines):
            raise AlreadyExists
        self._rows.closure_lines[line.run] = (*lines, line)

    async def timeline(self, run: UUID) -> list[RunLine]:
        return sorted(self._rows.closure_lines.get(run, ()), key=lambda each: each.seq)

    async def put_tasks(self, tasks: Sequence[ClosureTask]) -> None:
        revisions = self._rows.closure_revisions
        newest = {run: max((revisions[each.id] for each in await self.tasks(run)), default=0)
                  for run in {task.run for task in tasks}}  # fmt: skip
        for task in tasks:
            revisions[task.id] = newest[task.run] + 1
            there = self._rows.closure_tasks.get(task.run, ())
            changed = tuple(task if each.id == task.id else each for each in there)
            known = any(each.id == task.id for each in there)
            self._rows.closure_tasks[task.run] = changed if known else (*there, task)

    async def tasks(self, run: UUID) -> list[ClosureTask]:
        return list(self._rows.closure_tasks.get(run, ()))

    async def task(self, run: UUID, key: str) -> ClosureTask | None:
        return next((each for each in await self.tasks(run) if each.plan.key == key), None)

    async def changed(self, run: UUID, revision: int) -> tuple[list[ClosureTask], int]:
        revisions = self._rows.closure_revisions
        found = [each for each in await self.tasks(run) if revisions[each.id] > revision]
        return found, max((revisions[each.id] for each in found), default=revision)

    async def put_results(self, run: UUID, results: Sequence[CheckResult]) -> None:
        self._rows.closure_results[run] = tuple(sorted(results, key=lambda each: each.check))

    async def results(self, run: UUID) -> list[CheckResult]:
        return list(self._rows.closure_results.get(run, ()))

    async def decide(self, run: UUID, result: CheckResult) -> None:
        if result.waived_by is not None and result.severity is Severity.CRITICAL:
            raise NotWaivable
        if result.waived_by == self._runs[run].requester:
            raise SodViolation
        there = self._rows.closure_results[run]
        self._rows.closure_results[run] = tuple(result if each.check == result.check else each for each in there)

    async def certify(self, run: ClosureRun, certificate: Certificate) -> None:
        chain = self._rows.certificates.get((run.entity, run.period), ())
        last = chain[-1][1] if chain else None
        if run.id in dict(chain):
            raise AlreadyExists
        follows = (last.number + 1, last.digest) if last else (1, None)
        if (certificate.number, certificate.previous) != follows:
            raise ChainBroken
        self._rows.certificates[run.entity, run.period] = (*chain, (run.id, certificate))

    async def certificates(self, entity: str, period: UUID) -> list[Certificate]:
        return [certificate for _, certificate in self._rows.certificates.get((entity, period), ())]

    def _certified(self, run: ClosureRun) -> ClosureRun:
        chain = dict(self._rows.certificates.get((run.entity, run.period), ()))
        return replace(run, certificate=chain.get(run.id))


class MemoryClosurePapers:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def template(self, code: str, version: int | None = None) -> ClosureTemplate | None:
        versions = self._rows.closure_templates.get(code, ())
        if version is None:
            return versions[-1] if versions else None
        return versions[version - 1] if 1 <= version <= len(versions) else None

    async def templates(self, after: str, limit: int) -> list[ClosureTemplate]:
        codes = sorted(code for code in self._rows.closure_templates if code > after)
        return [self._rows.closure_templates[code][-1] for code in codes[:limit]]

    async def put_template(self, template: ClosureTemplate) -> None:
        code, versions = template.template.code, self._rows.closure_templates.get(template.template.code, ())
        if len(versions) != template.template.version - 1:
            raise Stale(version=len(versions), expected=template.template.version - 1)
        self._rows.closure_templates[code] = (*versions, template)

    async def keep(self, evidence: Evidence, content: bytes) -> None:
        evidence.verify(content)
        self._rows.closure_evidence[evidence.id] = (evidence, content)

    async def evidence(self, evidence: UUID) -> Evidence | None:
        found = self._rows.closure_evidence.get(evidence)
        return found[0] if found else None

    async def content(self, evidence: UUID) -> bytes | None:
        found = self._rows.closure_evidence.get(evidence)
        return found[1] if found else None

    async def evidence_of(self, run: UUID) -> list[Evidence]:
        found = [evidence for evidence, _ in self._rows.closure_evidence.values() if evidence.run == run]
        return sorted(found, key=lambda each: (each.added_at, each.id))

    async def drop(self, evidence: UUID) -> None:
        found = self._rows.closure_evidence.get(evidence)
        if found:
            found[0].check_removal(self._tick())
            del self._rows.closure_evidence[evidence]


def _place(run: ClosureRun) -> Place:
    return run.opened_at, run.id
