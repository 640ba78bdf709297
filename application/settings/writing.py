"""Values are written together or not at all: at once where policy asks nobody, and as a change where it does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.carrying import carried_out, everything_held, plan_for, planned
from application.settings.checks import check_rules
from application.settings.house import known
from application.settings.outcome import Outcome
from application.settings.plan import Pen, Plan
from application.settings.sealing import Sealing
from application.settings.snapshots import SettingSnapshots, told_after
from application.settings.targets import change_of
from application.settings.wishes import Order, Wish
from application.submission import Submission
from domain.audit import Action
from domain.changes import ApprovalRequired, ChangeSet, Kind
from domain.environments import Environment
from domain.people import Actor, Permission
from domain.settings import cancelled, parse_rules, shown

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
            if actor.request and (written := await tx.settings.written(actor.request)):
                return Outcome(tuple(written), (), epoch)
            change = await tx.changes.get(actor.request) if actor.request else None
            if change is None:
                pen = Pen.of(actor)
                plan = await planned(tx, pen, order, at)
                outcome = Outcome(tuple(plan.new), tuple(plan.affected()), epoch)
                if order.dry_run:
                    return outcome
                if not await _governed(tx, order.environment):
                    await carried_out(tx, pen, plan, order.reason)
                    return Outcome(outcome.entries, outcome.affected, await tx.settings.bump(order.environment))
                change = await _proposed(tx, actor, order, plan)
            else:
                outcome = Outcome((), (), epoch)
        submitted = await self._submission.submit(actor, change.id)
        return Outcome((), outcome.affected, epoch, submitted)

    async def cancel(self, actor: Actor, environment: Environment, wish: Wish, reason: str) -> Outcome:
        """What is planned at the wish's scope as version `wish.expected` never begins; raises NothingPlanned.

        ApprovalRequired where policy asks for it: there, write the value that is to hold instead.
        """
        actor.require(Permission.SETTINGS_MANAGE)
        async with self.writing(actor, environment) as tx:
            at = await tx.settings.lock(environment)
            if actor.request and (written := await tx.settings.written(actor.request)):
                return Outcome(tuple(written), (), await tx.settings.epoch(environment))
            if await _governed(tx, environment):
                raise ApprovalRequired(environment=environment.value)
            rules = parse_rules((await tx.settings.rulebook()).rules)
            plan = await plan_for(tx, environment, (wish,), frozenset().union(*(rule.keys for rule in rules)), at)
            known(plan.house, wish.key)
            fresh = plan.latest.get((wish.key, wish.scope.text), 0) + 1
            held = await everything_held(tx, plan, wish)
            pen = Pen.of(actor)
            plan.take(pen, wish, cancelled(held, wish.expected or 0, at, fresh=fresh))
            check_rules(rules, plan)
            await carried_out(tx, pen, plan, reason)
            return Outcome(tuple(plan.new), (), await tx.settings.bump(environment))

    @asynccontextmanager
    async def writing(self, actor: Actor, *environments: Environment) -> AsyncIterator[Transaction]:
        """What is written in these environments is told by this process once it is committed."""
        told = told_after(self._snapshots, actor.tenant, *environments)
        async with told, self._store.transaction(actor.tenant) as tx:
            yield tx


async def _governed(tx: Transaction, environment: Environment) -> bool:
    return bool((await tx.policies.get(environment, Kind.SETTING)).levels)


async def _proposed(tx: Transaction, actor: Actor, order: Order, plan: Plan) -> ChangeSet:
    change = change_of(actor.request or uuid4(), actor, order, plan.latest, tx.now)
    await tx.changes.add(change)
    await record(
        tx, Action.CHANGE_CREATED, ("change", change.id), actor=actor, change=change.id, reason=change.reason,
        after={"digest": change.digest, "content": shown(change.content.to_json())},
    )  # fmt: skip
    return change
