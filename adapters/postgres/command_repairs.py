"""Decisions that wait for another person, and what was made of payloads, in PostgreSQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_commands import command, command_edit, command_repair
from domain.commands import Key
from domain.commands.operations import Decision, Standing
from domain.commands.repairs import Edit, Repair

_C, _E, _R = command.c, command_edit.c, command_repair.c


class PostgresCommandRepairs:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, repair: Repair) -> bool:
        row = {
            "tenant_id": self._tenant,
            "operation_id": repair.id,
            "domain": repair.key[0],
            "command_id": repair.key[1],
            "decision": repair.decision.to_json(),
            "requester": repair.requester,
            "digest": repair.digest,
            "seen": repair.seen,
            "approval": repair.approval,
            "asked_at": repair.asked_at,
            "state": repair.standing.value,
        }
        added = insert(command_repair).values(row).on_conflict_do_nothing().returning(_R.operation_id)
        return await self._session.scalar(added) is not None

    async def get(self, id_: UUID, *, lock: bool = False) -> Repair | None:
        query = select(command_repair).where(_R.operation_id == id_)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _repair(row) if row else None

    async def held(self, key: Key) -> Repair | None:
        query = select(command_repair).where(_R.domain == key[0], _R.command_id == key[1], _R.ended_at.is_(None))
        row = (await self._session.execute(query)).one_or_none()
        return _repair(row) if row else None

    async def of(self, key: Key) -> list[Repair]:
        query = select(command_repair).where(_R.domain == key[0], _R.command_id == key[1])
        rows = await self._session.execute(query.order_by(_R.asked_at, _R.operation_id))
        return [_repair(row) for row in rows]

    async def end(self, repair: Repair) -> None:
        ended = {"state": repair.standing.value, "why": repair.why, "ended_at": repair.ended_at}
        await self._session.execute(update(command_repair).where(_R.operation_id == repair.id).values(ended))

    async def edit(self, edit: Edit) -> None:
        (domain, id_), said = edit.key, {**vars(edit)}
        said |= {"tenant_id": self._tenant, "domain": domain, "command_id": id_}
        said |= {"operation_id": said.pop("operation"), "before_digest": said.pop("before")}
        said |= {"after_digest": said.pop("after")}
        del said["key"]
        await self._session.execute(insert(command_edit).values(said))
        executed = update(command).where(_C.domain == domain, _C.command_id == id_)
        await self._session.execute(executed.values(edited_payload=edit.payload))

    async def edits(self, key: Key) -> list[Edit]:
        query = select(command_edit).where(_E.domain == key[0], _E.command_id == key[1]).order_by(_E.epoch)
        return [_edit(row) for row in await self._session.execute(query)]


def _repair(row: Any) -> Repair:
    return Repair(
        row.operation_id, row.tenant_id, (row.domain, row.command_id), Decision.of(row.decision), row.requester,
        row.digest, row.seen, row.approval, row.asked_at, Standing(row.state), row.why, row.ended_at,
    )  # fmt: skip


def _edit(row: Any) -> Edit:
    return Edit(
        row.operation_id, (row.domain, row.command_id), row.epoch, row.edited_from, row.patch, row.before_digest,
        row.after_digest, row.payload, row.at,
    )  # fmt: skip
