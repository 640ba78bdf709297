"""Bulk operations in PostgreSQL: what is frozen, touched or settled is so in one statement, however many they are."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.bulk_rows import (
    COUNT,
    ITEMS,
    SETTLE,
    TAKE,
    TOUCH,
    act_of,
    asked,
    bulk_of,
    frozen,
    item_of,
    moving,
    touched,
)
from adapters.postgres.command_rows import record_of, text_of
from adapters.postgres.parked_commands import fits, parked_of
from adapters.postgres.tables_bulks import command_bulk, command_bulk_act, command_bulk_item
from adapters.postgres.tables_commands import command, command_repair
from application.ports.bulks import HELD, BulkPreview
from application.ports.closures import Place
from application.ports.parked import ParkedFilter
from domain.commands import CommandRecord
from domain.commands.bulk import MOST_ITEMS, Bulk, BulkActEntry, BulkItem, ItemOutcome, TooManyParked
from domain.commands.bulk_gate import StageCount

_B, _I, _A, _C, _R = command_bulk.c, command_bulk_item.c, command_bulk_act.c, command.c, command_repair.c


class PostgresCommandBulks:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def preview(self, wanted: ParkedFilter, sample: int) -> BulkPreview:
        counted = select(_C.type, func.count().label("many")).where(fits(command, wanted)).group_by(_C.type)
        types = {row.type: row.many for row in await self._session.execute(counted.order_by(_C.type))}
        first = select(command).where(fits(command, wanted)).order_by(_C.parked_at, _C.domain, _C.command_id)
        rows = await self._session.execute(first.limit(sample))
        return BulkPreview(sum(types.values()), types, tuple(parked_of(row) for row in rows))

    async def add(self, bulk: Bulk, wanted: ParkedFilter) -> Bulk:
        await self._session.execute(insert(command_bulk).values(**asked(bulk, self._tenant)))
        found: Any = await self._session.execute(frozen(bulk.id, self._tenant, wanted, MOST_ITEMS + 1))
        if found.rowcount > MOST_ITEMS:
            raise TooManyParked(most=MOST_ITEMS)
        counted = update(command_bulk).where(_B.bulk_id == bulk.id).values(total=found.rowcount)
        return bulk_of((await self._session.execute(counted.returning(command_bulk))).one())

    async def get(self, bulk: UUID, *, lock: bool = False) -> Bulk | None:
        query = select(command_bulk).where(_B.bulk_id == bulk)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return bulk_of(row) if row else None

    async def page(self, before: Place | None, limit: int) -> list[Bulk]:
        query = select(command_bulk).order_by(_B.asked_at.desc(), _B.bulk_id.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(_B.asked_at, _B.bulk_id) < tuple_(*before))
        return [bulk_of(row) for row in await self._session.execute(query)]

    async def save(self, bulk: Bulk) -> None:
        row = update(command_bulk).where(_B.bulk_id == bulk.id)
        await self._session.execute(row.values(**moving(bulk), changed_at=func.clock_timestamp()))

    async def mark_started(self, bulk: UUID, *, started: bool = True) -> None:
        row = update(command_bulk).where(_B.bulk_id == bulk)
        await self._session.execute(row.values(started=started, changed_at=func.clock_timestamp()))

    async def take(self, bulk: UUID, most: int) -> list[tuple[BulkItem, CommandRecord]]:
        rows = list(await self._session.execute(TAKE, {"bulk": bulk, "most": most}))
        # Asked once they are locked: who holds one has locked it, too.
        names = (_R.domain, _R.command_id)
        asked_for = tuple_(*names).in_([(row.domain, row.command_id) for row in rows])
        held = {
            tuple(row) for row in await self._session.execute(select(*names).where(_R.ended_at.is_(None), asked_for))
        }
        return [
            (
                BulkItem(
                    row.place,
                    (row.domain, row.command_id),
                    row.seen,
                    row.cause,
                    why=HELD if (row.domain, row.command_id) in held else "",
                ),
                record_of(row),
            )
            for row in rows
        ]

    async def touch(self, bulk: UUID, items: Sequence[BulkItem]) -> None:
        if items:
            await self._session.execute(TOUCH, {"bulk": bulk, "rows": text_of([touched(each) for each in items])})

    async def settle(self, bulk: UUID) -> int:
        settled: Any = await self._session.execute(SETTLE, {"bulk": bulk})
        return int(settled.rowcount)

    async def count(self, bulk: UUID, stage: int | None = None) -> StageCount:
        row = (await self._session.execute(COUNT, {"bulk": bulk, "stage": stage})).one()
        return StageCount(row.retried, row.failed, row.same, row.going, row.again)

    async def outcomes(self, bulk: UUID) -> dict[ItemOutcome, int]:
        counted = select(_I.outcome, func.count().label("many")).where(_I.bulk_id == bulk).group_by(_I.outcome)
        return {ItemOutcome(row.outcome): row.many for row in await self._session.execute(counted)}

    async def items(self, bulk: UUID, outcome: ItemOutcome | None, after: int, limit: int) -> list[BulkItem]:
        wanted = {"bulk": bulk, "outcome": outcome.value if outcome else None, "after": after, "limit": limit}
        return [item_of(row) for row in await self._session.execute(ITEMS, wanted)]

    async def act(self, operation: UUID) -> BulkActEntry | None:
        query = select(command_bulk_act).where(_A.operation_id == operation)
        row = (await self._session.execute(query)).one_or_none()
        return act_of(row) if row else None

    async def add_act(self, entry: BulkActEntry) -> bool:
        said = {**vars(entry), "tenant_id": self._tenant}
        said |= {"operation_id": said.pop("id"), "bulk_id": said.pop("bulk")}
        added = insert(command_bulk_act).values(said).on_conflict_do_nothing().returning(_A.operation_id)
        return await self._session.scalar(added) is not None
