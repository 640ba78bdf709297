"""Deployments by their target: of each the part that concerns it, and of those before there were parts themselves."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.rollouts import _check, _transition
from adapters.postgres.tables import gate_check, rollout, rollout_transition
from adapters.postgres.tables_parts import rollout_part
from application.ports.deployments import Deployed, Place
from application.ports.records import Check
from domain.changes import Kind
from domain.environments import Environment
from domain.rollouts import State, Transition

_R, _P = rollout.c, rollout_part.c


class PostgresDeployments:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def of_target(
        self, environment: Environment, kind: Kind, key: str, before: Place | None, limit: int
    ) -> list[Deployed]:
        wanted = self._wanted(environment, kind, key)
        if before is not None:
            wanted = wanted.where(tuple_(_R.created_at, _R.rollout_id) < tuple_(*before))
        wanted = wanted.order_by(_R.created_at.desc(), _R.rollout_id.desc()).limit(limit)
        return [_deployed(row) for row in await self._session.execute(wanted)]

    async def stable(self, environment: Environment, kind: Kind, key: str) -> Deployed | None:
        wanted = self._wanted(environment, kind, key).where(_R.state == State.SUCCEEDED.value)
        ended = func.coalesce(_R.ended_at, _R.created_at)
        row = (await self._session.execute(wanted.order_by(ended.desc(), _R.rollout_id.desc()).limit(1))).one_or_none()
        return _deployed(row) if row else None

    async def moves(self, rollout: UUID, after: int, limit: int) -> list[Transition]:
        c = rollout_transition.c
        wanted = select(rollout_transition).where(c.rollout_id == rollout, c.seq > after)
        return [_transition(row) for row in await self._session.execute(wanted.order_by(c.seq).limit(limit))]

    async def checks(self, rollout: UUID, after: int, limit: int) -> list[Check]:
        c = gate_check.c
        wanted = select(gate_check).where(c.rollout_id == rollout, c.number > after)
        return [_check(row) for row in await self._session.execute(wanted.order_by(c.number).limit(limit))]

    def _wanted(self, environment: Environment, kind: Kind, key: str) -> Select[Any]:
        mine: ColumnElement[bool] = and_(
            _P.rollout_id == _R.rollout_id, _P.tenant_id == _R.tenant_id, _P.target_tenant == self._tenant,
            _P.environment == environment, _P.kind == kind.value, _P.key == key,
        )  # fmt: skip
        whole = and_(_R.environment == environment, _R.kind == kind.value, _R.key == key)
        return (
            select(
                _R.rollout_id, _R.state, _R.created_at, _R.ended_at,
                func.coalesce(_P.base_version, _R.base_version).label("base"),
                func.coalesce(_P.live_version, _R.live_version).label("version"),
            )
            .select_from(rollout.outerjoin(rollout_part, mine))
            .where(or_(_P.rollout_id.is_not(None), whole))
        )  # fmt: skip


def _deployed(row: Any) -> Deployed:
    return Deployed(row.rollout_id, State(row.state), row.base, row.version, row.created_at, row.ended_at)
