"""Requests for approval, their votes, and the policies that they follow."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import approval, approval_policy, approval_vote
from adapters.postgres.tables_approvals import approval_comment, approval_policy_version
from domain.approvals import (
    Answer,
    Approval,
    ApprovalPolicy,
    Ballot,
    Comment,
    Standing,
    Vote,
    default_policy,
    parse_policy,
)
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Stale


class PostgresPolicies:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, environment: Environment, kind: Kind) -> ApprovalPolicy:
        p = approval_policy.c
        raw = await self._session.scalar(select(p.policy).where(p.environment == environment, p.kind == kind.value))
        return default_policy(environment, kind) if raw is None else parse_policy(raw)

    async def version(self, environment: Environment, kind: Kind) -> int:
        p = approval_policy.c
        query = select(p.version).where(p.environment == environment, p.kind == kind.value)
        return int(await self._session.scalar(query) or 0)

    async def put(
        self, environment: Environment, kind: Kind, policy: ApprovalPolicy, *, expected: int | None = None
    ) -> int:
        p = approval_policy.c
        place = {"tenant_id": self._tenant, "environment": environment, "kind": kind.value}
        new = insert(approval_policy).values(**place, policy=policy.to_json(), version=1)
        next_one = {"policy": policy.to_json(), "version": p.version + 1}
        if expected is None or expected == 0:
            over = new.on_conflict_do_update(index_elements=list(place), set_=next_one)
            wanted: Any = over if expected is None else new.on_conflict_do_nothing()
        else:
            here = (p.environment == environment, p.kind == kind.value, p.version == expected)
            wanted = update(approval_policy).where(*here).values(**next_one)
        version = await self._session.scalar(wanted.returning(p.version))
        if version is None:
            raise Stale(version=await self.version(environment, kind), expected=expected)
        await self._session.execute(
            insert(approval_policy_version).values(**place, policy=policy.to_json(), version=version)
        )
        return int(version)

    async def at(self, environment: Environment, kind: Kind, version: int) -> ApprovalPolicy:
        v = approval_policy_version.c
        here = (v.environment == environment, v.kind == kind.value, v.version == version)
        raw = await self._session.scalar(select(v.policy).where(*here))
        return default_policy(environment, kind) if raw is None else parse_policy(raw)


class PostgresApprovals:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def open(self, request: Approval) -> None:
        await self._session.execute(
            insert(approval).values(
                tenant_id=self._tenant,
                approval_id=request.id,
                environment=request.environment,
                digest=request.digest,
                authors=list(request.authors),
                policy=request.policy.to_json(),
                standing=request.standing.value,
                opened_at=request.opened_at,
                level_opened_at=request.level_opened_at,
            )
        )

    async def get(self, approval_id: UUID, *, lock: bool = False) -> Approval | None:
        query = select(approval).where(approval.c.approval_id == approval_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _approval(row, await self._ballots([approval_id])) if row else None

    async def pending(self) -> list[Approval]:
        query = select(approval).where(approval.c.standing == Standing.PENDING.value).order_by(approval.c.opened_at)
        rows = list(await self._session.execute(query))
        votes = await self._ballots([row.approval_id for row in rows])
        return [_approval(row, votes) for row in rows]

    async def votes(self, approval_id: UUID) -> list[Vote]:
        v = approval_vote.c
        rows = await self._session.execute(
            select(approval_vote).where(v.approval_id == approval_id).order_by(v.vote_id)
        )
        return [Vote(_ballot(row), row.voted_at, row.reason, row.via, row.dropped) for row in rows]

    async def cast(self, approval_id: UUID, ballot: Ballot, *, author: UUID, reason: str, via: str) -> None:
        await self._session.execute(
            insert(approval_vote).values(
                tenant_id=self._tenant,
                approval_id=approval_id,
                voter=ballot.voter,
                behalf=ballot.behalf,
                author=author,
                level=ballot.level,
                answer=ballot.answer.value,
                escalated=ballot.escalated,
                digest=ballot.digest,
                reason=reason,
                via=via,
            )
        )

    async def drop(self, approval_id: UUID, voter: UUID, why: str) -> None:
        v = approval_vote.c
        await self._session.execute(
            update(approval_vote)
            .where(v.approval_id == approval_id, v.voter == voter, v.dropped_at.is_(None))
            .values(dropped_at=func.clock_timestamp(), dropped=why)
        )

    async def open_level(self, approval_id: UUID, at: datetime) -> None:
        await self._set(approval_id, level_opened_at=at)

    async def close(self, approval_id: UUID, standing: Standing) -> None:
        await self._set(approval_id, standing=standing.value, closed_at=func.clock_timestamp())

    async def reopen(self, approval_id: UUID) -> None:
        await self._set(approval_id, standing=Standing.PENDING.value, closed_at=None)

    async def escalate(self, approval_id: UUID, level: int) -> None:
        await self._set(approval_id, escalated=func.array_append(approval.c.escalated, level))

    async def comment(self, said: Comment) -> None:
        row = {"comment_id": said.id, "approval_id": said.approval, "author": said.author, "words": said.words}
        adding = insert(approval_comment).values(tenant_id=self._tenant, **row)
        await self._session.execute(adding.on_conflict_do_nothing())

    async def comments(self, approval_id: UUID) -> list[Comment]:
        c = approval_comment.c
        query = select(approval_comment).where(c.approval_id == approval_id).order_by(c.written_at, c.comment_id)
        rows = await self._session.execute(query)
        return [Comment(row.comment_id, row.approval_id, row.author, row.words, row.written_at) for row in rows]

    async def _set(self, approval_id: UUID, **values: Any) -> None:
        await self._session.execute(update(approval).where(approval.c.approval_id == approval_id).values(**values))

    async def _ballots(self, approvals: list[UUID]) -> dict[UUID, tuple[Ballot, ...]]:
        v = approval_vote.c
        query = select(approval_vote).where(v.approval_id.in_(approvals), v.dropped_at.is_(None))
        found: dict[UUID, tuple[Ballot, ...]] = {}
        for row in await self._session.execute(query.order_by(v.vote_id)):
            found[row.approval_id] = (*found.get(row.approval_id, ()), _ballot(row))
        return found


def _ballot(row: Any) -> Ballot:
    return Ballot(row.voter, row.level, Answer(row.answer), row.digest, row.behalf, row.escalated)


def _approval(row: Any, votes: dict[UUID, tuple[Ballot, ...]]) -> Approval:
    return Approval(
        id=row.approval_id,
        tenant=row.tenant_id,
        environment=row.environment,
        digest=row.digest,
        authors=tuple(row.authors),
        policy=parse_policy(row.policy),
        standing=Standing(row.standing),
        opened_at=row.opened_at,
        level_opened_at=row.level_opened_at,
        ballots=votes.get(row.approval_id, ()),
        closed_at=row.closed_at,
        escalated=tuple(row.escalated),
    )
