"""Values are written together or not at all: at once where policy asks nobody, and as a change where it does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from application.acting import done, remember
from application.drafts.filing import filed
from application.locking.rules import check_direct
from application.ports.store import Store, Transaction
from application.recording import reverted
from application.settings.carrying import carried_out, planned
from application.settings.inheriting import told_of
from application.settings.outcome import Outcome
from application.settings.plan import Pen, Plan
from application.settings.reaching import reach_of
from application.settings.sealing import Sealing
from application.settings.snapshots import SettingSnapshots, told_after
from application.settings.targets import change_of
from application.settings.wishes import Order, Wish
from application.submission import Submission
from domain.approvals import strictest
from domain.changes import Kind, Reach
from domain.environments import Environment
from domain.errors import Invalid
from domain.people import Actor, Permission
from domain.rollouts import check_moments

First = Callable[[Transaction], Awaitable[None]]
"""What must be there before the values can be; it finds its own work done when a request is repeated."""


class SettingWrites:
    """Raises PermissionMissing, Invalid, OutOfPolicy, RulesViolated, Stale, SettingEnforced or ScheduleOverlaps.

    Missing where the only key is not defined.
    """

    def __init__(
        self, store: Store, submission: Submission, sealing: Sealing, snapshots: SettingSnapshots | None = None
    ) -> None:
        self._store = store
        self._submission = submission
        self._sealing = sealing
        self._snapshots = snapshots

    async def write(self, actor: Actor, order: Order, first: First | None = None) -> Outcome:
        """All of the order, with one epoch and an audit event for each value; other writers of the environment wait.

        Where policy asks for approval nothing is written yet: the outcome holds the change that was submitted.
        `first` is of the same transaction, and takes its turn everywhere; a dry run does not go with it.
        """
        actor.require(Permission.SETTINGS_MANAGE)
        order = await self._sealing.sealed(actor, order)
        async with self.writing(actor, *(Environment if first else [order.environment])) as tx:
            if first is not None:
                await first(tx)
            at = await tx.settings.lock(order.environment)
            epoch = await tx.settings.epoch(order.environment)
            if actor.request and ((written := await tx.settings.written(actor.request)) or await done(tx, actor)):
                return Outcome(tuple(written), (), epoch)
            change = await tx.changes.get(actor.request) if actor.request else None
            if change is None:
                pen = _pen(actor, order)
                plan = await planned(tx, pen, order, at)
                reach, levels = await _asked(tx, plan, told=order.dry_run)
                affected = await asyncio.to_thread(tuple, plan.affected())
                outcome = Outcome(tuple(plan.new), affected, epoch, None, reach, levels)
                await _check_way(tx, order, at)
                if order.dry_run:
                    return outcome
                if not levels and order.apply_at is None:
                    await carried_out(tx, pen, plan, order.reason)
                    if not plan.new:  # no value tells of the request
                        await remember(tx, actor, "write")
                    if order.reverts is not None:
                        await reverted(tx, actor, order.reverts, None, order.reason)
                    return replace(outcome, epoch=await tx.settings.bump(order.environment))
                change = await change_of(tx, actor.request or uuid4(), actor, order, plan.latest)
                await filed(tx, actor, change)
            else:
                outcome = Outcome((), (), epoch)
        submitted = await self._submission.submit(actor, change.id)
        reach, levels = submitted.change.reach, len(submitted.approval.policy.levels)
        return Outcome((), outcome.affected, epoch, submitted, reach, levels)

    async def cancel(self, actor: Actor, environment: Environment, wish: Wish, reason: str) -> Outcome:
        """What is planned at the wish's scope as version `wish.expected` never begins; raises NothingPlanned."""
        ending = replace(wish, expected=None, cancels=wish.expected or 0)
        return await self.write(actor, Order(environment, (ending,), reason))

    @asynccontextmanager
    async def writing(self, actor: Actor, *environments: Environment) -> AsyncIterator[Transaction]:
        """What is written in these environments is told by this process once it is committed."""
        told = told_after(self._snapshots, actor.tenant, *told_of(environments))
        async with told, self._store.transaction(actor.tenant) as tx:
            yield tx


def _pen(actor: Actor, order: Order) -> Pen:
    pen = Pen.of(actor)
    return pen if order.reverts is None else replace(pen, origin=f"revert:{order.reverts}")


async def _check_way(tx: Transaction, order: Order, at: datetime) -> None:
    """It goes out at once, now or later; what takes a change back may do so everywhere."""
    if order.reverts is None:
        await check_direct(tx, order.environment, Kind.SETTING)
    faults = check_moments(order.apply_at, order.apply_by, at)
    if faults:
        raise Invalid(faults)


async def _asked(tx: Transaction, plan: Plan, *, told: bool = False) -> tuple[Reach | None, int]:
    """How far the plan reaches, if anybody wants to know, and how many levels of approval that needs."""
    policies = [await tx.policies.get(environment, Kind.SETTING) for environment in plan.environments]
    if not (told or any(policy.asks for policy in policies)):
        return None, 0
    reach = await asyncio.to_thread(reach_of, plan)
    return reach, len(strictest(policy.decided(reach) for policy in policies).levels)
