"""What people do in a close is checked, signed, and heard by its workflow."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from application.acting import Acting, done
from application.closures.cases import ClosureCases
from application.closures.deeds import NEEDS
from application.closures.looking import RunView
from application.ports.processes import Processes
from application.ports.store import Store
from application.recording import record
from domain.audit import Action, Outcome
from domain.canonical import Json
from domain.closures import Act, ClosureRun, RunOver, WrongRunState
from domain.errors import Missing, Refusal, Unavailable
from domain.people import Actor

FENCE_ACKNOWLEDGED: Final = "fence_acknowledged"
BALANCE_CHANGED: Final = "balance_changed"
RECONCILIATION_SIGNED_OFF: Final = "reconciliation_signed_off"
_UNTIL_HEARD = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses in seconds while a workflow has not heard yet where the database says that it stands."""


@dataclass(frozen=True)
class ActWish:
    """`task` and `check` name what it is about; amounts are texts of digits."""

    act: Act
    reason: str = ""
    task: str | None = None
    check: str | None = None
    due_at: datetime | None = None
    statement_balance: str | None = None
    book_balance: str | None = None

    @property
    def body(self) -> Json:
        """What is kept in the database: none of it goes through the workflow."""
        told = {
            "reason": self.reason,
            "task": self.task,
            "check": self.check,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "statement_balance": self.statement_balance,
            "book_balance": self.book_balance,
        }
        return {name: value for name, value in told.items() if value is not None}


class ClosureDesk:
    def __init__(self, store: Store, processes: Processes, acting: Acting, cases: ClosureCases) -> None:
        self._store = store
        self._processes = processes
        self._acting = acting
        self._cases = cases

    async def act(self, actor: Actor, run_id: UUID, wish: ActWish) -> RunView:
        """Through the workflow; returns what the database then holds.

        Raises RunOver, WrongRunState, TaskBlocked, WrongTaskState, NotTheirTask, SodViolation, EvidenceMissing,
        NotWaivable, CheckHolds, PermissionMissing, Missing, Invalid.
        """
        actor.require(NEEDS[wish.act])
        run = await self._cases.looking.run(actor, run_id)
        try:
            asked = await self._checked(actor, run, wish)
        except Unavailable:
            raise  # nobody was refused: the same act may come again
        except Refusal as refusal:
            await self._denied(actor, run_id, wish, refusal)
            raise
        if asked:
            assertion = await self._acting.sign(actor, wish.act.value, run_id, wish.body)
            await self._heard(actor, run, wish, assertion)
        return await self._cases.looking.get(actor, run_id)

    async def _checked(self, actor: Actor, run: ClosureRun, wish: ActWish) -> bool:
        """False when this very request has taken effect before."""
        async with self._store.transaction(actor.tenant) as tx:
            if await done(tx, actor):
                return False
            await self._cases.tasks.check(tx, actor, run, wish.act, wish.body)
            return True

    async def _heard(self, actor: Actor, run: ClosureRun, wish: ActWish, assertion: str) -> None:
        """By a workflow that may not have heard yet where the database says it stands: that still decides."""
        for pause in _UNTIL_HEARD:
            try:
                return await self._said(actor, run, wish, assertion)
            except (RunOver, WrongRunState) as refusal:
                if not await self._checked(actor, await self._cases.looking.run(actor, run.id), wish):
                    return None
                if isinstance(refusal, RunOver):  # its process was lost: another goes on where the database stands
                    await self._processes.start_closure(run, actor.handle)
            await asyncio.sleep(pause)
        return await self._said(actor, run, wish, assertion)

    async def _said(self, actor: Actor, run: ClosureRun, wish: ActWish, assertion: str) -> None:
        await self._processes.closure_act(run, wish.act, actor.id, assertion, wish.task)

    async def _denied(self, actor: Actor, run_id: UUID, wish: ActWish, refusal: Refusal) -> None:
        if isinstance(refusal, Missing):
            return
        async with self._store.transaction(actor.tenant) as tx:
            await record(tx, Action.CLOSURE_REFUSED, ("period_closure", run_id), actor=actor, outcome=Outcome.DENIED,
                         after={"refusal": refusal.kind, "act": wish.act.value, "task": wish.task})  # fmt: skip


def closures_heard(cases: ClosureCases, processes: Processes) -> Callable[[UUID, UUID], Awaitable[None]]:
    """What is called when a module in another database has acknowledged: the close that waits for it looks."""

    async def heard(tenant: UUID, run_id: UUID) -> None:
        run, missing = await cases.looking.fenced(tenant, run_id)
        await processes.closure_told(run, FENCE_ACKNOWLEDGED, missing)

    return heard
