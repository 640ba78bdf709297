"""The commands of one lease are executed, and what became of each is written with its effect or right after it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from application.commands.breaking import Hearing
from application.commands.handling import Handlers, Order
from application.commands.leases import freed
from application.commands.moves import moved
from application.commands.ordering import order_of
from application.commands.posting import admitted
from application.commands.reading import CRASHED, Ready, looked_at
from application.commands.revoking import revoked_changes
from application.ports.store import Store, Transaction
from domain.canonical import Json
from domain.commands import CommandRecord, CommandState, Key, name_of
from domain.commands.outcomes import HandlerFailure, Transient, settled
from domain.errors import Refusal, Stale, Unavailable

TOGETHER = 50
"""Transactional commands in one transaction: PostgreSQL keeps 64 subtransactions of one at hand."""
CAREFUL = 20
"""So many groups are executed with a way back for each command, after one in which something failed."""
AT_ONCE = 8
"""External ones at a time."""
PATIENCE = timedelta(seconds=20)
"""No command is begun later than this after its lease was: what is left over is leased anew."""

log = structlog.get_logger()


class LeaseGone(Exception):
    """Somebody else has taken these commands over; nobody outside is told."""


@dataclass
class Turn:
    """One execution of a lease, and what has come of it so far; none is begun once the loop's clock says `until`.

    `raised` is what some raised in a transaction that was lost with it: they are not called again to hear it.
    """

    tenant: UUID
    lease: UUID
    until: float
    counted: Counter[str] = field(default_factory=Counter)
    raised: dict[Key, Exception] = field(default_factory=dict)
    hearing: Hearing = field(default_factory=Hearing)

    def count(self, records: Sequence[CommandRecord]) -> None:
        self.counted.update(each.state.value for each in records)


class Executing:
    """Of one process. A lease that it began and could not end for want of a database it takes up where it was."""

    def __init__(self, store: Store, handlers: Handlers, *, patience: timedelta = PATIENCE) -> None:
        self._store = store
        self._handlers = handlers
        self._patience = patience.total_seconds()
        self._begun: set[UUID] = set()
        self._turns: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._careful = 0
        self._stopping = False

    async def execute(self, tenant: UUID, lease: UUID) -> dict[str, int]:
        """How many came to stand where; Unavailable when the database went away, and then it is to be asked again."""
        turn = Turn(tenant, lease, asyncio.get_running_loop().time() + self._patience)
        if self._stopping:
            await self._give_back(turn)
            return {}
        task = asyncio.create_task(self._carried_out(turn))
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)
        try:
            await task
        except LeaseGone:
            log.warning("commands.taken_over", lease=str(lease))
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(turn))
            if not self._stopping:
                raise
        self._begun.discard(lease)
        return dict(turn.counted)

    async def drain(self, patience: timedelta) -> None:
        """Begin nothing more; who is not done within `patience` is cancelled, and counts as never tried."""
        self._stopping = True
        if self._turns:
            _, late = await asyncio.wait(self._turns, timeout=patience.total_seconds())
            for task in late:
                task.cancel()

    async def _carried_out(self, turn: Turn) -> None:
        ready = await self._begin(turn)
        together = [each for each in ready if each.handler.transactional]
        for start in range(0, len(together), TOGETHER):
            group = together[start : start + TOGETHER]
            if not await self._smoothly(turn, group):
                await self._together(turn, group)
        called = (self._called(turn, each) for each in ready if not each.handler.transactional)
        for outcome in await asyncio.gather(*called, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        async with self._store.transaction(turn.tenant) as tx:
            await self._hold(tx, turn)
            await tx.commands.end(turn.lease)

    async def _begin(self, turn: Turn) -> list[Ready]:
        """Those that run now. One that was running before was in the hands of a worker that is no more."""
        running: list[Ready] = []
        starting: list[Ready] = []
        elsewhere: list[CommandRecord] = []
        async with self._store.transaction(turn.tenant) as tx:
            await self._hold(tx, turn)
            leased = await tx.commands.leased(turn.lease)
            revoked = await revoked_changes(tx, leased)
            for record in leased:
                if record.state is CommandState.RUNNING and turn.lease not in self._begun:
                    elsewhere.append(record.crashed(CRASHED))
                    continue
                found = looked_at(record, self._handlers, tx.now, revoked)
                if isinstance(found, CommandRecord):
                    elsewhere.append(found)
                else:
                    (running if record.state is CommandState.RUNNING else starting).append(found)
            started = await moved(tx, [each.record.started() for each in starting])
            await moved(tx, elsewhere)
        self._begun.add(turn.lease)
        turn.count(elsewhere)
        return [*running, *(each.now(record) for each, record in zip(starting, started, strict=True))]

    async def _smoothly(self, turn: Turn, group: Sequence[Ready]) -> bool:
        """In one transaction without a way back for each of them; whether all was well, as it usually is."""
        if self._careful or len(group) == 1:
            self._careful = max(0, self._careful - 1)
            return False
        try:
            await self._in_one(turn, group, undone=False)
        except LeaseGone:
            raise
        except Exception:  # noqa: BLE001 -- what it was is found out with a way back for each
            self._careful = CAREFUL
            return False
        return True

    async def _together(self, turn: Turn, group: Sequence[Ready]) -> None:
        """In one transaction, or each in its own when that one breaks."""
        try:
            await self._in_one(turn, group, undone=True)
        except LeaseGone:
            raise
        except Exception as error:  # noqa: BLE001 -- what broke it may be anything that a handler does
            if len(group) == 1:
                await self._missed(turn, group[0], error)
                return
            for each in group:
                await self._together(turn, [each])

    async def _in_one(self, turn: Turn, group: Sequence[Ready], *, undone: bool) -> None:
        turn.hearing.begin()
        async with self._store.transaction(turn.tenant) as tx:
            ended = [await self._tried(tx, turn, each, undone=undone) for each in group]
            await self._hold(tx, turn)
            await moved(tx, ended)
            await turn.hearing.write(tx, list(zip((each.handler.policy for each in group), ended, strict=True)))
        turn.count(ended)

    async def _tried(self, tx: Transaction, turn: Turn, each: Ready, *, undone: bool) -> CommandRecord:
        ended = await (self._attempted if undone else self._trusted)(tx, turn, each)
        turn.hearing.guess(each.handler.policy, ended, tx.now)
        return ended

    async def _trusted(self, tx: Transaction, turn: Turn, each: Ready) -> CommandRecord:
        """What it raises is its own doing where the transaction still stands, or where no time is left to see."""
        if not self._goes_on(turn, each):
            return each.record.returned()
        try:
            async with tx.commands.attempt(undone=False) as connection:
                result = await self._done(tx, each, connection)
        except Exception as raised:
            if self._goes_on(turn, each):
                await self._hold(tx, turn)
            elif not isinstance(raised, HandlerFailure):
                raise
            turn.raised[each.record.key] = raised
            raise
        return each.record.completed(result, tx.now)

    async def _attempted(self, tx: Transaction, turn: Turn, each: Ready) -> CommandRecord:
        if (said := turn.raised.pop(each.record.key, None)) is not None:
            return settled(each.record, said, each.handler.policy, tx.now)
        if not self._goes_on(turn, each):
            return each.record.returned()
        try:
            async with tx.commands.attempt() as connection:
                result = await self._done(tx, each, connection)
        except Unavailable:
            raise
        except Exception as raised:  # noqa: BLE001 -- a handler may raise anything
            return settled(each.record, raised, each.handler.policy, tx.now)
        return each.record.completed(result, tx.now)

    async def _done(self, tx: Transaction, each: Ready, connection: object) -> Json:
        await admitted(tx, each)
        return await _answer(each, order_of(self._store, each.record, tx), connection)

    async def _called(self, turn: Turn, each: Ready) -> None:
        """Written by itself as soon as it has ended: the less is called again when this worker dies."""
        async with self._gate:
            if not self._goes_on(turn, each):
                await self._written(turn, each, lambda _: each.record.returned())
                return
            try:
                after = partial(each.record.completed, await _answer(each, order_of(self._store, each.record)))
            except Exception as raised:  # noqa: BLE001 -- a handler may raise anything
                after = partial(settled, each.record, raised, each.handler.policy)
            try:
                await self._written(turn, each, after)
            except (LeaseGone, Unavailable):
                raise
            except Exception as error:  # noqa: BLE001 -- a result that cannot be kept
                await self._missed(turn, each, error)

    async def _missed(self, turn: Turn, each: Ready, error: Exception) -> None:
        """That it could not be written is what became of it, unless the database is away or it is not ours any more."""
        if isinstance(error, Stale):
            log.warning("command.taken_over", command=name_of(each.record.key))
            return
        raised = error
        if isinstance(error, Unavailable) and isinstance(error.__cause__, HandlerFailure):
            raised = error.__cause__  # what it said when the transaction was lost with it
        await self._written(turn, each, lambda at: settled(each.record, raised, each.handler.policy, at))

    async def _written(self, turn: Turn, each: Ready, after: Callable[[datetime], CommandRecord]) -> None:
        async with self._store.transaction(turn.tenant) as tx:
            await self._hold(tx, turn)
            saved = await moved(tx, [after(tx.now)])
            await turn.hearing.write(tx, [(each.handler.policy, saved[0])])
        turn.count(saved)

    async def _give_back(self, turn: Turn) -> None:
        ours = turn.lease in self._begun
        self._begun.discard(turn.lease)
        try:
            async with self._store.transaction(turn.tenant) as tx:
                await self._hold(tx, turn)
                records = await tx.commands.leased(turn.lease)
                await moved(tx, [each.returned() if ours else freed(each) for each in records])
                await tx.commands.end(turn.lease)
        except (Refusal, LeaseGone) as reason:
            log.warning("commands.kept", lease=str(turn.lease), reason=type(reason).__name__)

    async def _hold(self, tx: Transaction, turn: Turn) -> None:
        if await tx.commands.hold(turn.lease) is None:
            raise LeaseGone

    def _goes_on(self, turn: Turn, each: Ready) -> bool:
        if turn.hearing.rests(each.handler.policy, each.record):
            return False
        return not self._stopping and asyncio.get_running_loop().time() < turn.until


async def _answer(each: Ready, order: Order, *connection: object) -> Json:
    seconds = each.handler.policy.timeout_seconds
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await each.handler.call(order, each.payload, *connection)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Transient("timeout", f"it was not done within {seconds:g} seconds") from None
