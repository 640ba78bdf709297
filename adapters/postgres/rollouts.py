"""Rollouts, their timelines and the evidence of their gates."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import DateTime, cast, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import gate_check, rollout, rollout_transition
from application.ports.records import Check
from application.ports.store import Place
from domain.changes import Kind
from domain.errors import AlreadyExists
from domain.gates import Verdict
from domain.rollouts import TO_START, AlreadyTerminal, Phase, Rollout, State, Transition, stored_plan


class PostgresRollouts:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, new: Rollout) -> None:
        result = await self._session.execute(
            upsert(rollout)
            .values(
                tenant_id=self._tenant,
                rollout_id=new.id,
                environment=new.environment,
                key=new.key,
                kind=new.kind.value,
                digest=new.digest,
                requester=new.requester,
                plan=new.plan.to_json(),
                created_at=new.created_at,
                watched=new.watched,
                **_moving(new),
            )
            .on_conflict_do_nothing()
            .returning(rollout.c.rollout_id)
        )
        if result.one_or_none() is None:
            raise AlreadyExists

    async def get(self, rollout_id: UUID, *, lock: bool = False) -> Rollout | None:
        query = select(rollout).where(rollout.c.rollout_id == rollout_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _rollout(row) if row else None

    async def page(self, before: Place | None, limit: int) -> list[Rollout]:
        place = tuple_(rollout.c.created_at, rollout.c.rollout_id)
        query = select(rollout).order_by(rollout.c.created_at.desc(), rollout.c.rollout_id.desc()).limit(limit)
        if before is not None:
            query = query.where(place < tuple_(*before))
        return [_rollout(row) for row in await self._session.execute(query)]

    async def scheduled(self, after: Place | None, limit: int) -> list[Rollout]:
        moment = cast(rollout.c.plan["apply_at"].astext, DateTime(timezone=True))
        query = select(rollout).where(
            rollout.c.state.in_([state.value for state in TO_START]), rollout.c.plan.has_key("apply_at")
        )
        if after is not None:
            query = query.where(tuple_(moment, rollout.c.rollout_id) > tuple_(*after))
        query = query.order_by(moment, rollout.c.rollout_id).limit(limit)
        return [_rollout(row) for row in await self._session.execute(query)]

    async def save(self, changed: Rollout) -> None:
        r = rollout.c
        open_or_same = r.terminal.is_(False) | (r.state == changed.state.value)
        saved = await self._session.execute(
            update(rollout)
            .where(r.rollout_id == changed.id, open_or_same)
            .values(**_moving(changed))
            .returning(r.state)
        )
        if saved.one_or_none() is None:
            present = await self._session.scalar(select(r.state).where(r.rollout_id == changed.id))
            raise AlreadyTerminal(state=present)

    async def mark_started(self, rollout_id: UUID) -> None:
        await self._session.execute(update(rollout).where(rollout.c.rollout_id == rollout_id).values(started=True))

    async def step(self, rollout_id: UUID, step: str) -> Transition | None:
        c = rollout_transition.c
        query = select(rollout_transition).where(c.rollout_id == rollout_id, c.step == step)
        row = (await self._session.execute(query)).one_or_none()
        return _transition(row) if row else None

    async def append(self, line: Transition) -> None:
        await self._session.execute(
            insert(rollout_transition).values(
                tenant_id=self._tenant,
                rollout_id=line.rollout,
                seq=line.seq,
                step=line.step,
                from_state=line.from_state.value if line.from_state else None,
                to_state=line.to_state.value,
                cause=line.cause,
                actor=line.actor,
                stage=line.stage,
                percent=line.percent,
                reason=line.reason,
                at=line.at,
            )
        )

    async def timeline(self, rollout_id: UUID) -> list[Transition]:
        c = rollout_transition.c
        rows = await self._session.execute(select(rollout_transition).where(c.rollout_id == rollout_id).order_by(c.seq))
        return [_transition(row) for row in rows]


class PostgresEvidence:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, check: Check) -> None:
        await self._session.execute(
            insert(gate_check).values(
                tenant_id=self._tenant,
                rollout_id=check.rollout,
                number=check.number,
                stage=check.stage,
                verdict=check.verdict.value,
                sentence=check.sentence,
                record=orjson.dumps(check.record).decode(),
                state=orjson.dumps(check.state).decode(),
                judged_at=check.judged_at,
            )
        )

    async def get(self, rollout_id: UUID, number: int) -> Check | None:
        c = gate_check.c
        query = select(gate_check).where(c.rollout_id == rollout_id, c.number == number)
        row = (await self._session.execute(query)).one_or_none()
        return _check(row) if row else None

    async def latest(self, rollout_id: UUID) -> Check | None:
        c = gate_check.c
        query = select(gate_check).where(c.rollout_id == rollout_id).order_by(c.number.desc()).limit(1)
        row = (await self._session.execute(query)).one_or_none()
        return _check(row) if row else None

    async def all(self, rollout_id: UUID) -> list[Check]:
        c = gate_check.c
        rows = await self._session.execute(select(gate_check).where(c.rollout_id == rollout_id).order_by(c.number))
        return [_check(row) for row in rows]


def _moving(r: Rollout) -> dict[str, Any]:
    return {
        "state": r.state.value,
        "terminal": r.terminal,
        "stage": r.stage,
        "phase": r.phase.value if r.phase else None,
        "cause": r.cause,
        "verdict": r.verdict.value if r.verdict else None,
        "base_version": r.base_version,
        "live_version": r.live_version,
        "revision": r.revision,
        "started": r.started,
        "stages": r.stages,
        "superseded_by": r.superseded_by,
        "emergency": r.emergency,
        "priority": r.priority,
        "reverts": r.reverts,
        "ended_at": r.ended_at,
    }


def _rollout(row: Any) -> Rollout:
    return Rollout(
        id=row.rollout_id,
        tenant=row.tenant_id,
        environment=row.environment,
        key=row.key,
        change=row.rollout_id,
        digest=row.digest,
        requester=row.requester,
        plan=stored_plan(row.plan, row.environment),
        state=State(row.state),
        created_at=row.created_at,
        base_version=row.base_version,
        live_version=row.live_version,
        stage=row.stage,
        phase=Phase(row.phase) if row.phase else None,
        cause=row.cause,
        verdict=Verdict(row.verdict) if row.verdict else None,
        revision=row.revision,
        started=row.started,
        kind=Kind(row.kind),
        stages=row.stages,
        superseded_by=row.superseded_by,
        emergency=row.emergency,
        priority=row.priority,
        reverts=row.reverts,
        ended_at=row.ended_at,
        watched=row.watched,
    )


def _transition(row: Any) -> Transition:
    return Transition(
        rollout=row.rollout_id,
        seq=row.seq,
        step=row.step,
        from_state=State(row.from_state) if row.from_state else None,
        to_state=State(row.to_state),
        cause=row.cause,
        at=row.at,
        actor=row.actor,
        stage=row.stage,
        percent=row.percent,
        reason=row.reason,
    )


def _check(row: Any) -> Check:
    return Check(
        rollout=row.rollout_id,
        number=row.number,
        stage=row.stage,
        verdict=Verdict(row.verdict),
        sentence=row.sentence,
        record=orjson.loads(row.record),
        state=orjson.loads(row.state),
        judged_at=row.judged_at,
    )
