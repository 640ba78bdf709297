"""The commands of one lease are executed, and what became of each is written with its effect or right after it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

import structlog

from application.commands.breaking import Ended
from application.commands.gates import ALONE, Gates, Place, side_by_side
from application.commands.handling import Handlers
from application.commands.leases import freed
from application.commands.moves import moved
from application.commands.ordering import answer_of, order_of
from application.commands.posting import admitted
from application.commands.reading import CRASHED, Ready, looked_at
from application.commands.revoking import revoked_changes
from application.commands.turns import NOBODY, Group, Line, Step, Turn, Work, following, nothing, settling
from application.ports.store import Store, Transaction
from domain.canonical import Json
from domain.commands import CommandRecord, CommandState, Key, name_of
from domain.commands.outcomes import HandlerFailure, settled
from domain.errors import Refusal, Stale, Unavailable

CAREFUL: Final = 20
"""So many groups are executed with a way back for each command, after one in which something failed."""
BRIEF: Final = 0.2
"""Seconds for which a place at the gates goes from call to call of one lease, before others have their turn."""
PATIENCE: Final = timedelta(seconds=20)
"""No command is begun later than this after its lease was: what is left over is leased anew."""

Try: TypeAlias = Callable[[Transaction, Turn, Ready], Awaitable[CommandRecord]]

log = structlog.get_logger()


class LeaseGone(Exception):
    """Somebody else has taken these commands over; nobody outside is told."""


class Executing:
    """Of one process. A lease that it began and could not end for want of a database it takes up where it was."""

    def __init__(self, store: Store, handlers: Handlers, *, patience: timedelta = PATIENCE) -> None:
        self._store = store
        self._handlers = handlers
        self._patience = patience.total_seconds()
        self._begun: dict[UUID, set[Key]] = {}
        self._turns: set[asyncio.Task[None]] = set()
        self._gates = Gates()
        self._careful = 0
        self._stopping = False

    async def execute(self, tenant: UUID, lease: UUID) -> dict[str, int]:
        """How many came to stand where; Unavailable when the database went away, and then it is to be asked again."""
        until = asyncio.get_running_loop().time() + self._patience
        turn = Turn(tenant, lease, until, self._begun.setdefault(lease, set()))
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
        self._begun.pop(lease, None)
        return dict(turn.counted)

    async def drain(self, patience: timedelta) -> None:
        """Begin nothing more; who is not done within `patience` is cancelled, and counts as never tried."""
        self._stopping = True
        if self._turns:
            _, late = await asyncio.wait(self._turns, timeout=patience.total_seconds())
            for task in late:
                task.cancel()

    async def _carried_out(self, turn: Turn) -> None:
        line, ready = await self._begin(turn)
        await self._in_their_order(turn, ready, line.groups)
        if line.suspects:
            async with self._gates.passed([ALONE], turn.until):
                await self._in_their_order(turn, [], line.suspects)
        lines = side_by_side(line.beside, self._handlers)
        calls = (self._calls(turn, *each) for each in lines for _ in range(min(each[0][0].most, len(each[1]))))
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        if not turn.ended:
            async with self._store.transaction(turn.tenant) as tx:
                await self._hold(tx, turn)
                await tx.commands.end(turn.lease)

    async def _in_their_order(self, turn: Turn, ready: list[Ready], line: deque[Group]) -> None:
        while ready or line:
            ready = await self._executed(turn, ready, following(line))

    async def _begin(self, turn: Turn) -> tuple[Line, list[Ready]]:
        """What is to be executed, and what of it runs. Who ran before did so in a worker that is no more."""
        async with self._store.transaction(turn.tenant) as tx:
            await self._hold(tx, turn)
            leased = await tx.commands.leased(turn.lease)
            lost = [each for each in leased if each.state is CommandState.RUNNING and each.key not in turn.begun]
            line = Line.of([each for each in leased if each not in lost], self._handlers)
            turn.left = len(leased)
            step = await self._stepped(tx, turn, [each.crashed(CRASHED) for each in lost], following(line.groups))
        return line, turn.took(step)

    async def _stepped(self, tx: Transaction, turn: Turn, ended: Sequence[CommandRecord], group: Group) -> Step:
        """These have ended, and those begin: whoever finds them running later knows that they were being executed."""
        ready, elsewhere = await self._looked(tx, turn, group)
        new = [each.record for each in ready if each.record.state is not CommandState.RUNNING]
        turn.begun.update(
            each.key for each in new
        )  # and not after the commit: whether that came through may be unknown
        over = [*ended, *elsewhere]
        saved = await moved(tx, [*over, *(each.started() for each in new)])
        last = len(over) == turn.left
        if last:
            await tx.commands.end(turn.lease)
        started = {each.key: each for each in saved[len(over) :]}
        return Step([each.now(started.get(each.record.key, each.record)) for each in ready], over, last)

    async def _looked(self, tx: Transaction, turn: Turn, group: Group) -> tuple[list[Ready], list[CommandRecord]]:
        """Those that can be executed now, and where the others stand instead."""
        revoked = await revoked_changes(tx, group)
        ready: list[Ready] = []
        elsewhere: list[CommandRecord] = []
        for record in group:
            found = looked_at(record, self._handlers, tx.now, revoked)
            if isinstance(found, CommandRecord):
                elsewhere.append(found)
            elif self._goes_on(turn, found):
                ready.append(found)
            else:
                elsewhere.append(record.returned())
        return ready, elsewhere

    async def _executed(self, turn: Turn, ready: Sequence[Ready], group: Group) -> list[Ready]:
        """Of the group that comes next those that run then."""
        if ready and not ready[0].handler.transactional:
            return await self._called(turn, ready[0], lambda: group)
        if ready and (begun := await self._smoothly(turn, ready, group)) is not None:
            return begun
        if ready:
            await self._together(turn, ready)
        return await self._started(turn, group)

    async def _started(self, turn: Turn, group: Group) -> list[Ready]:
        return await self._written(turn, nothing, group) if group else []

    async def _smoothly(self, turn: Turn, ready: Sequence[Ready], group: Group) -> list[Ready] | None:
        """In one transaction without a way back for each, in which the next begin; None where not all is well."""
        if self._careful or len(ready) == 1:
            self._careful = max(0, self._careful - 1)
            return None
        try:
            return await self._in_one(turn, ready, self._trusted, group)
        except LeaseGone:
            raise
        except Exception:  # noqa: BLE001 -- what it was is found out with a way back for each
            self._careful = CAREFUL
            return None

    async def _together(self, turn: Turn, ready: Sequence[Ready]) -> None:
        """In one transaction, or each in its own when that one breaks."""
        try:
            await self._in_one(turn, ready, self._attempted, NOBODY)
        except LeaseGone:
            raise
        except Exception as error:  # noqa: BLE001 -- what broke it may be anything that a handler does
            if len(ready) == 1:
                await self._missed(turn, ready[0], error)
                return
            for each in ready:
                await self._together(turn, [each])

    async def _in_one(self, turn: Turn, ready: Sequence[Ready], tried: Try, group: Group) -> list[Ready]:
        async def work(tx: Transaction) -> list[Ended]:
            turn.hearing.begin()
            ended = []
            for each in ready:
                ended.append((each.handler.policy, await tried(tx, turn, each)))
                turn.hearing.guess(*ended[-1], tx.now)
            return ended

        return await self._written(turn, work, group)

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
        return await answer_of(each, order_of(self._store, each.record, tx), connection)

    async def _calls(self, turn: Turn, places: Sequence[Place], line: deque[Group]) -> None:
        """One after the other, until none is left; who finds no place in time goes back untried."""
        while line:
            async with self._gates.passed(places, turn.until):
                next_ = partial(following, line, asyncio.get_running_loop().time() + BRIEF)
                ready = await self._started(turn, following(line))
                while ready:
                    ready = await self._called(turn, ready[0], next_)

    async def _called(self, turn: Turn, each: Ready, next_: Callable[[], Group]) -> list[Ready]:
        """Written by itself as soon as it has ended: the less is called again when this worker dies."""
        try:
            after = partial(each.record.completed, await answer_of(each, order_of(self._store, each.record)))
        except Exception as raised:  # noqa: BLE001 -- a handler may raise anything
            after = partial(settled, each.record, raised, each.handler.policy)
        group = next_()
        try:
            return await self._written(turn, settling(each, after), group)
        except (LeaseGone, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 -- a result that cannot be kept
            await self._missed(turn, each, error)
            return await self._started(turn, group)

    async def _missed(self, turn: Turn, each: Ready, error: Exception) -> None:
        """That it could not be written is what became of it, unless the database is away or it is not ours any more."""
        if isinstance(error, Stale):
            log.warning("command.taken_over", command=name_of(each.record.key))
            return
        raised = error
        if isinstance(error, Unavailable) and isinstance(error.__cause__, HandlerFailure):
            raised = error.__cause__  # what it said when the transaction was lost with it
        await self._written(turn, settling(each, partial(settled, each.record, raised, each.handler.policy)), NOBODY)

    async def _written(self, turn: Turn, work: Work, group: Group) -> list[Ready]:
        """What came of the work, in its transaction; and the group begins in it, where nothing it needs has broken."""
        async with self._store.transaction(turn.tenant) as tx:
            ended = await work(tx)
            await self._hold(tx, turn)
            await turn.hearing.write(tx, ended)
            step = await self._stepped(tx, turn, [each for _, each in ended], group)
        return turn.took(step)

    async def _give_back(self, turn: Turn) -> None:
        self._begun.pop(turn.lease, None)
        try:
            async with self._store.transaction(turn.tenant) as tx:
                await self._hold(tx, turn)
                records = await tx.commands.leased(turn.lease)
                await moved(tx, [each.returned() if each.key in turn.begun else freed(each) for each in records])
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
