"""Tasks of a close with what they wait for, and everything that was ever signed for them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_closures import closure_task, closure_task_dependency, task_signoff
from domain.canonical import Json
from domain.closures.amounts import amount
from domain.closures.signoffs import Signer, SignOff
from domain.closures.tasks import ClosureTask, TaskKind, TaskPlan, TaskState

_T, _D, _S = closure_task.c, closure_task_dependency.c, task_signoff.c
_ELSEWHERE = ("key", "owner", "reviewer", "after")
"""What of a plan has a place of its own."""


class StoredTasks:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def put(self, tasks: Sequence[ClosureTask]) -> None:
        """The run is locked: nobody else counts its revisions meanwhile."""
        known = await self._known(tasks)
        revision = max(known.values(), default=0) + 1
        fresh = [each for each in tasks if each.id not in known]
        if fresh:
            await self._add(fresh, len(known), revision)
        for each in tasks:
            if each.id in known:
                here = (_T.run_id == each.run, _T.key == each.plan.key)
                moved = {**_moving(each), "revision": revision}
                await self._session.execute(update(closure_task).where(*here).values(**moved))
        signed = [row for each in tasks for row in self._signoffs(each)]
        if signed:
            new = upsert(task_signoff)
            later = {"suspended_at": new.excluded.suspended_at, "superseded_at": new.excluded.superseded_at}
            keys = ["tenant_id", "run_id", "key", "seq"]
            await self._session.execute(new.on_conflict_do_update(index_elements=keys, set_=later), signed)

    async def of(self, run: UUID, since: int = 0, key: str | None = None) -> tuple[list[ClosureTask], int]:
        """Those that were put after a revision, or the one of this key; and the newest of their revisions."""
        wanted = (_T.run_id == run, _T.revision > since, *([] if key is None else [_T.key == key]))
        rows = list(await self._session.execute(select(closure_task).where(*wanted).order_by(_T.place)))
        if not rows:
            return [], since
        keys = select(_T.key).where(*wanted)
        after: dict[str, list[str]] = defaultdict(list)
        waits = select(closure_task_dependency).where(_D.run_id == run, _D.key.in_(keys)).order_by(_D.key, _D.place)
        for row in await self._session.execute(waits):
            after[row.key].append(row.after)
        signed: dict[str, list[SignOff]] = defaultdict(list)
        given = select(task_signoff).where(_S.run_id == run, _S.key.in_(keys)).order_by(_S.key, _S.seq)
        for row in await self._session.execute(given):
            signed[row.key].append(_signoff(row))
        found = [_task(row, after[row.key], signed[row.key]) for row in rows]
        return found, max(row.revision for row in rows)

    async def _known(self, tasks: Sequence[ClosureTask]) -> dict[UUID, int]:
        """The revision of each task of their run."""
        query = select(_T.task_id, _T.revision).where(_T.run_id.in_({each.run for each in tasks}))
        return {row.task_id: row.revision for row in await self._session.execute(query)}

    async def _add(self, tasks: Sequence[ClosureTask], begins: int, revision: int) -> None:
        rows = [
            {
                "tenant_id": self._tenant,
                "run_id": each.run,
                "task_id": each.id,
                "key": each.plan.key,
                "place": place,
                "plan": {name: value for name, value in each.plan.to_json().items() if name not in _ELSEWHERE},
                "owner": each.plan.owner,
                "reviewer": each.plan.reviewer,
                **_moving(each),
                "revision": revision,
            }
            for place, each in enumerate(tasks, begins)
        ]
        await self._session.execute(insert(closure_task), rows)
        waits = [
            {"tenant_id": self._tenant, "run_id": each.run, "key": each.plan.key, "place": place, "after": key}
            for each in tasks
            for place, key in enumerate(each.plan.after)
        ]
        if waits:
            await self._session.execute(insert(closure_task_dependency), waits)

    def _signoffs(self, task: ClosureTask) -> list[dict[str, Any]]:
        return [
            {
                "tenant_id": self._tenant,
                "run_id": task.run,
                "key": task.plan.key,
                "seq": seq,
                "role": each.role.value,
                "who": each.who,
                "at": each.at,
                "basis": each.basis,
                "statement_balance": each.statement_balance,
                "book_balance": each.book_balance,
                "suspended_at": each.suspended_at,
                "superseded_at": each.superseded_at,
            }
            for seq, each in enumerate(task.signoffs, 1)
        ]


def _moving(task: ClosureTask) -> dict[str, Any]:
    return {
        "due_at": task.due_at,
        "state": task.state.value,
        "evidence": list(task.evidence),
        "ready_at": task.ready_at,
        "started_at": task.started_at,
        "ended_at": task.ended_at,
        "returns": task.returns,
        "waived_by": task.waived_by,
        "remark": task.remark,
    }


def _task(row: Any, after: Sequence[str], signed: Sequence[SignOff]) -> ClosureTask:
    return ClosureTask(
        id=row.task_id,
        run=row.run_id,
        plan=_plan(row, row.plan, after),
        state=TaskState(row.state),
        due_at=row.due_at,
        evidence=tuple(row.evidence),
        signoffs=tuple(signed),
        ready_at=row.ready_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        returns=row.returns,
        waived_by=row.waived_by,
        remark=row.remark,
    )


def _plan(row: Any, raw: Json, after: Sequence[str]) -> TaskPlan:
    return TaskPlan(
        key=row.key,
        name=raw["name"],
        kind=TaskKind(raw["kind"]),
        owner=row.owner,
        reviewer=row.reviewer,
        after=tuple(after),
        effort_hours=amount(raw["effort_hours"]),
        due_offset_days=raw["due_offset_days"],
        check=raw["check"],
        instructions=raw["instructions"],
        needs_evidence=raw["needs_evidence"],
    )


def _signoff(row: Any) -> SignOff:
    return SignOff(
        Signer(row.role), row.who, row.at, row.basis, row.statement_balance, row.book_balance, row.suspended_at,
        row.superseded_at,
    )  # fmt: skip
