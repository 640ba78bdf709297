"""A command that takes long is executed alone, and what became of it is written with its effect or right after it."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from application.commands.breaking import heard
from application.commands.handling import Handlers, Order
from application.commands.leases import freed
from application.commands.living import Life, Living, Sign
from application.commands.moves import moved
from application.commands.ordering import order_of
from application.commands.posting import admitted
from application.commands.reading import CRASHED, Ready, looked_at
from application.commands.revoking import revoked_changes
from application.ports.store import Store, Transaction
from application.rounds import attended
from domain.canonical import Json
from domain.commands import CommandError, CommandRecord, CommandState, name_of
from domain.commands.outcomes import HandlerFailure, Transient, settled
from domain.errors import Refusal, Stale, Unavailable

CANCELED = CommandError("canceled", "canceled", "a person canceled it")
PAUSE = 1.0
"""Seconds until a database that is away is asked again to take what became of a command."""

log = structlog.get_logger()


class LeaseGone(Exception):
    """Somebody else has taken this command over; nobody outside is told."""


class Lasting:
    """Of one process. A lease that it began and could not end for want of a database it takes up where it was."""

    def __init__(self, store: Store, handlers: Handlers, living: Living | None = None) -> None:
        self._store = store
        self._handlers = handlers
        self._living = living or Living(store)
        self._begun: set[UUID] = set()
        self._lives: dict[asyncio.Task[CommandRecord], Life] = {}
        self._stopping = False

    async def execute(self, tenant: UUID, lease: UUID, sign: Sign) -> CommandRecord | None:
        """As it stands afterwards; None where somebody else has it. Unavailable when it is to be asked again."""
        if self._stopping:
            return await self._given_back(tenant, lease)
        try:
            found = await self._begin(tenant, lease)
        except (LeaseGone, Stale):
            return None
        if isinstance(found, CommandRecord):
            return found
        life = Life(found, lease, sign)
        try:
            after = await self._lived(life)
        except LeaseGone:
            log.warning("command.taken_over", command=name_of(found.record.key))
            after = None
        self._begun.discard(lease)
        return after

    async def drain(self, patience: timedelta) -> None:
        """Begin nothing more; who is not done within `patience` is cancelled, and counts as never tried."""
        self._stopping = True
        if self._lives:
            _, late = await asyncio.wait(self._lives, timeout=patience.total_seconds())
            for task in late:
                self._interrupt(task, "drained")

    async def _begin(self, tenant: UUID, lease: UUID) -> Ready | CommandRecord:
        """Running, or where it stands instead. One that was running before was in the hands of a lost worker."""
        async with self._store.transaction(tenant) as tx:
            record = await self._held(tx, lease)
            runs, ours = record.state is CommandState.RUNNING, lease in self._begun
            asked = await tx.commands.long.cancel_asked(record.key, record.epoch)
            found: Ready | CommandRecord
            if asked is not None:
                found = record.stopped(CANCELED, tx.now)
            elif runs and not ours:
                found = record.crashed(CRASHED)
            else:
                found = looked_at(record, self._handlers, tx.now, await revoked_changes(tx, [record]))
            if isinstance(found, CommandRecord):
                (ended,) = await moved(tx, [found])
                await tx.commands.end(lease)
                return ended
            if not runs:
                (started,) = await moved(tx, [record.started()])
                found = found.now(started)
        self._begun.add(lease)
        return found

    async def _held(self, tx: Transaction, lease: UUID) -> CommandRecord:
        if await tx.commands.hold(lease) is None:
            raise LeaseGone
        records = await tx.commands.leased(lease)
        if not records:
            raise LeaseGone
        return records[0]

    async def _lived(self, life: Life) -> CommandRecord | None:
        """To its end, unless it is to stop before that."""
        work = asyncio.create_task(self._attempted(life))
        watch = asyncio.create_task(self._living.watch(life, work))
        self._lives[work] = life
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            self._interrupt(work, "drained")
            await asyncio.wait({work})
            if work.cancelled():
                await asyncio.shield(self._given_back(life.ready.record.tenant, life.lease))
                raise
        finally:
            del self._lives[work]
            watch.cancel()
            await asyncio.wait({watch})
        if not work.cancelled():
            return work.result()
        if life.stop == "asked":
            return await self._written(life, lambda at: life.ready.record.stopped(CANCELED, at))
        if life.stop == "drained":
            return await self._given_back(life.ready.record.tenant, life.lease)
        raise LeaseGone

    def _interrupt(self, work: asyncio.Task[CommandRecord], why: str) -> None:
        life = self._lives[work]
        if not life.stop:
            life.stop = why
            work.cancel()

    async def _attempted(self, life: Life) -> CommandRecord:
        record, policy = life.ready.record, life.ready.handler.policy
        try:
            if life.ready.handler.transactional:
                return await self._wrote(life)
            after = partial(record.completed, await self._answer(life, await self._order(life)))
        except (LeaseGone, Stale):
            raise LeaseGone from None
        except Unavailable as error:
            if not life.ready.handler.transactional or isinstance(error.__cause__, HandlerFailure):
                said: Exception = error.__cause__ if isinstance(error.__cause__, HandlerFailure) else error
                return await self._written(life, partial(settled, record, said, policy))
            raise
        except Exception as raised:  # noqa: BLE001 -- a handler may raise anything
            after = partial(settled, record, raised, policy)
        try:
            return await self._written(life, after)
        except LeaseGone:
            raise
        except Exception as error:  # noqa: BLE001 -- a result that cannot be kept
            return await self._written(life, partial(settled, record, error, policy))

    async def _wrote(self, life: Life) -> CommandRecord:
        """What it writes, and that it was done, in one transaction: however long that is open."""
        record = life.ready.record
        async with self._store.transaction(record.tenant) as tx:
            async with tx.commands.attempt() as connection:
                await admitted(tx, life.ready)
                result = await self._answer(life, await self._order(life, tx), connection)
            at = await self._now(record.tenant)
            if await tx.commands.hold(life.lease) is None:
                raise LeaseGone
            after = record.completed(result, at)
            await heard(tx, [(life.ready.handler.policy, after)])
            (saved,) = await moved(tx, [after], at=at)
            await tx.commands.end(life.lease)
        return saved

    async def _answer(self, life: Life, order: Order, *connection: object) -> Json:
        policy = life.ready.handler.policy
        limit, life.silence = asyncio.timeout(policy.timeout_seconds), asyncio.timeout(policy.heartbeat_seconds)
        try:
            async with AsyncExitStack() as limits:
                await limits.enter_async_context(limit)
                await limits.enter_async_context(life.silence)
                return await life.ready.handler.call(order, life.ready.payload, *connection)
        except TimeoutError:
            if limit.expired():
                raise Transient("timeout", f"it was not done within {policy.timeout_seconds:g} seconds") from None
            if life.silence.expired():
                said = f"it told no progress for {policy.heartbeat_seconds:g} seconds"
                raise Transient("heartbeat-missed", said) from None
            raise

    async def _order(self, life: Life, tx: Transaction | None = None) -> Order:
        record = life.ready.record
        async with self._store.transaction(record.tenant) as own:
            before = await own.commands.long.progress(record.key)
        order = order_of(self._store, record, tx)
        return replace(order, progress=partial(self._living.tell, life), reached=before.said if before else None)

    async def _written(self, life: Life, after: Callable[[datetime], CommandRecord]) -> CommandRecord:
        """As soon as there is a database again; what was told last is kept before that."""
        while True:
            try:
                await attended(self._living.keep(life), what="progress")
                async with self._store.transaction(life.ready.record.tenant) as tx:
                    if await tx.commands.hold(life.lease) is None:
                        raise LeaseGone
                    ended = after(tx.now)
                    await heard(tx, [(life.ready.handler.policy, ended)])
                    (saved,) = await moved(tx, [ended])
                    await tx.commands.end(life.lease)
                    return saved
            except Stale:
                raise LeaseGone from None
            except Unavailable as refusal:
                log.warning("command.unwritten", command=name_of(life.ready.record.key), refusal=refusal.kind)
            await asyncio.sleep(PAUSE)

    async def _given_back(self, tenant: UUID, lease: UUID) -> CommandRecord | None:
        """As if it had not been tried, where it is still ours; else the sweeper will see to it."""
        ours = lease in self._begun
        self._begun.discard(lease)
        try:
            async with self._store.transaction(tenant) as tx:
                record = await self._held(tx, lease)
                (back,) = await moved(tx, [record.returned() if ours else freed(record)])
                await tx.commands.end(lease)
                return back
        except (Refusal, LeaseGone) as reason:
            log.warning("commands.kept", lease=str(lease), reason=type(reason).__name__)
            return None

    async def _now(self, tenant: UUID) -> datetime:
        """The database's clock: that of a long transaction stands still."""
        async with self._store.transaction(tenant) as tx:
            return tx.now
