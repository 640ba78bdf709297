"""Attempts at closing periods; that one at a time is made, and what was certified stays, is what the tables keep."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.closure_tasks import StoredTasks
from adapters.postgres.tables_closures import check_result, closure_certificate, closure_run, closure_step
from application.ports.closures import Place, RunLine
from domain.canonical import Json
from domain.closures.certificate import Certificate
from domain.closures.checks import CheckResult, Severity
from domain.closures.run import ClosureRun
from domain.closures.states import Mode, RunState
from domain.closures.tasks import ClosureTask
from domain.periods import GateKey, PeriodGate, Posting, Status

_R, _S, _F, _C = closure_run.c, closure_step.c, check_result.c, closure_certificate.c


class PostgresClosures:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant
        self._tasks = StoredTasks(session, tenant)

    async def add(self, run: ClosureRun) -> None:
        row = {
            "tenant_id": self._tenant,
            "run_id": run.id,
            "entity": run.entity,
            "period_id": run.period,
            "period_code": run.period_code,
            "scopes": list(run.scopes),
            "mode": run.mode.value,
            "attempt": run.attempt,
            "requester": run.requester,
            "template": run.template,
            "opened_at": run.opened_at,
            "supersedes": run.supersedes,
            **_moving(run),
        }
        await self._session.execute(insert(closure_run).values(**row))

    async def get(self, run: UUID, *, lock: bool = False) -> ClosureRun | None:
        query = select(closure_run).where(_R.run_id == run)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _run(row, await self._certificate(run)) if row else None

    async def last(self, entity: str, period: UUID) -> ClosureRun | None:
        query = select(closure_run).where(_R.entity == entity, _R.period_id == period)
        row = (await self._session.execute(query.order_by(_R.attempt.desc()).limit(1))).one_or_none()
        return _run(row, await self._certificate(row.run_id)) if row else None

    async def running(self) -> list[ClosureRun]:
        query = select(closure_run).where(~_R.over).order_by(_R.opened_at, _R.run_id)
        return [_run(row, None) for row in await self._session.execute(query)]

    async def page(self, entity: str | None, before: Place | None, limit: int) -> list[ClosureRun]:
        query = select(closure_run).order_by(_R.opened_at.desc(), _R.run_id.desc()).limit(limit)
        if entity is not None:
            query = query.where(_R.entity == entity)
        if before is not None:
            query = query.where(tuple_(_R.opened_at, _R.run_id) < tuple_(*before))
        rows = list(await self._session.execute(query))
        wanted = select(closure_certificate).where(_C.run_id.in_([row.run_id for row in rows]))
        found = {each.run_id: each.content for each in await self._session.execute(wanted)}
        return [_run(row, found.get(row.run_id)) for row in rows]

    async def save(self, run: ClosureRun) -> None:
        await self._session.execute(update(closure_run).where(_R.run_id == run.id).values(**_moving(run)))

    async def mark_started(self, run: UUID) -> None:
        await self._session.execute(update(closure_run).where(_R.run_id == run).values(started=True))

    async def step(self, run: UUID, step: str) -> RunLine | None:
        found = await self._lines(select(closure_step).where(_S.run_id == run, _S.step == step))
        return found[0] if found else None

    async def append(self, line: RunLine) -> None:
        row = {
            "tenant_id": self._tenant,
            "run_id": line.run,
            "seq": line.seq,
            "step": line.step,
            "from_state": line.from_state.value if line.from_state else None,
            "to_state": line.to_state.value,
            "cause": line.cause,
            "at": line.at,
            "actor": line.actor,
            "reason": line.reason,
        }
        await self._session.execute(insert(closure_step).values(**row))

    async def timeline(self, run: UUID) -> list[RunLine]:
        return await self._lines(select(closure_step).where(_S.run_id == run).order_by(_S.seq))

    async def put_tasks(self, tasks: Sequence[ClosureTask]) -> None:
        await self._tasks.put(tasks)

    async def tasks(self, run: UUID) -> list[ClosureTask]:
        found, _ = await self._tasks.of(run)
        return found

    async def task(self, run: UUID, key: str) -> ClosureTask | None:
        found, _ = await self._tasks.of(run, key=key)
        return found[0] if found else None

    async def changed(self, run: UUID, revision: int) -> tuple[list[ClosureTask], int]:
        return await self._tasks.of(run, revision)

    async def put_results(self, run: UUID, results: Sequence[CheckResult]) -> None:
        number = await self._round(run) + 1
        rows = [
            {
                "tenant_id": self._tenant,
                "run_id": run,
                "round": number,
                "check_code": each.check,
                "severity": each.severity.value,
                "ok": each.ok,
                "measured": each.measured,
                **_decided(each),
            }
            for each in results
        ]
        if rows:
            await self._session.execute(insert(check_result), rows)

    async def results(self, run: UUID) -> list[CheckResult]:
        query = select(check_result).where(_F.run_id == run, _F.round == await self._round(run))
        return [_result(row) for row in await self._session.execute(query.order_by(_F.check_code))]

    async def decide(self, run: UUID, result: CheckResult) -> None:
        here = (_F.run_id == run, _F.round == await self._round(run), _F.check_code == result.check)
        await self._session.execute(update(check_result).where(*here).values(**_decided(result)))

    async def certify(self, run: ClosureRun, certificate: Certificate) -> None:
        row = {
            "tenant_id": self._tenant,
            "entity": run.entity,
            "period_id": run.period,
            "number": certificate.number,
            "run_id": run.id,
            "content": certificate.to_json(),
            "digest": certificate.digest,
            "previous": certificate.previous,
            "closed_at": certificate.closed_at,
        }
        await self._session.execute(insert(closure_certificate).values(**row))

    async def certificates(self, entity: str, period: UUID) -> list[Certificate]:
        query = select(_C.content).where(_C.entity == entity, _C.period_id == period).order_by(_C.number)
        return [Certificate.of_json(content) for content in await self._session.scalars(query)]

    async def _certificate(self, run: UUID) -> Json:
        return await self._session.scalar(select(_C.content).where(_C.run_id == run))

    async def _round(self, run: UUID) -> int:
        newest = await self._session.scalar(select(func.max(_F.round)).where(_F.run_id == run))
        return -1 if newest is None else int(newest)

    async def _lines(self, query: Select[Any]) -> list[RunLine]:
        return [_line(row) for row in await self._session.execute(query)]


def _moving(run: ClosureRun) -> dict[str, Any]:
    """What changes while it goes on."""
    return {
        "state": run.state.value,
        "due_at": run.due_at,
        "closed_at": run.closed_at,
        "prior": [_gate_json(each) for each in run.prior],
        "snapshot": run.snapshot,
        "approval": run.approval,
    }


def _run(row: Any, certificate: Json) -> ClosureRun:
    return ClosureRun(
        id=row.run_id,
        tenant=row.tenant_id,
        entity=row.entity,
        period=row.period_id,
        period_code=row.period_code,
        scopes=tuple(row.scopes),
        mode=Mode(row.mode),
        attempt=row.attempt,
        requester=row.requester,
        state=RunState(row.state),
        opened_at=row.opened_at,
        template=row.template,
        due_at=row.due_at,
        closed_at=row.closed_at,
        prior=tuple(_gate(row, raw) for raw in row.prior),
        snapshot=row.snapshot,
        approval=row.approval,
        certificate=Certificate.of_json(certificate) if certificate is not None else None,
        supersedes=row.supersedes,
    )


def _gate_json(gate: PeriodGate) -> Json:
    return {
        "scope": gate.key.scope,
        "gate": gate.status.value,
        "posting": gate.posting.value,
        "epoch": gate.epoch,
        "changed_by": str(gate.changed_by) if gate.changed_by else None,
        "changed_at": gate.changed_at.isoformat(),
        "reason": gate.reason,
    }


def _gate(row: Any, raw: Json) -> PeriodGate:
    changed_by = UUID(raw["changed_by"]) if raw["changed_by"] else None
    return PeriodGate(
        GateKey(row.entity, row.period_id, raw["scope"]), Status(raw["gate"]), Posting(raw["posting"]), raw["epoch"],
        changed_by, datetime.fromisoformat(raw["changed_at"]), raw["reason"],
    )  # fmt: skip


def _decided(result: CheckResult) -> dict[str, Any]:
    return {
        "waived_by": result.waived_by,
        "waiver_reason": result.waiver_reason,
        "acknowledged_by": result.acknowledged_by,
    }


def _result(row: Any) -> CheckResult:
    return CheckResult(
        row.check_code, Severity(row.severity), row.ok, row.measured, row.waived_by, row.waiver_reason,
        row.acknowledged_by,
    )  # fmt: skip


def _line(row: Any) -> RunLine:
    before = RunState(row.from_state) if row.from_state else None
    return RunLine(
        row.run_id, row.seq, row.step, before, RunState(row.to_state), row.cause, row.at, row.actor, row.reason
    )
