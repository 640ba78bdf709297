"""What an act of a person changes in a close, if they may do it: worked out, and not yet written."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from application.closures.facts import controls_of, seen_of
from application.periods.places import period_of
from application.ports.store import Transaction
from domain.canonical import Json
from domain.closures import Act, CheckResult, ClosureRun, ClosureTask, Control, Seen, TaskKind, amount, authors
from domain.errors import Fault, Invalid, Missing
from domain.people import Actor, Permission
from domain.periods import GateKey

LEAST_REASON = 3
NEEDS = {
    **dict.fromkeys(Act, Permission.PERIODS_CLOSE),
    Act.WAIVE_CHECK: Permission.CHANGE_APPROVE,
}
"""Whoever waives a check answers for it as whoever approves the close."""


@dataclass(frozen=True)
class Effect:
    """What is other then."""

    tasks: tuple[ClosureTask, ...] = ()
    result: CheckResult | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class Deed:
    """`told` is what the trail says of it."""

    act: Act
    reason: str
    told: Json
    effect: Effect


@dataclass(frozen=True)
class _Said:
    tx: Transaction
    actor: Actor
    run: ClosureRun
    body: Json

    @property
    def reason(self) -> str:
        return str(self.body.get("reason") or "").strip()

    def needed(self) -> str:
        if len(self.reason) < LEAST_REASON:
            raise Invalid([Fault("/reason", f"at least {LEAST_REASON} characters that say why")])
        return self.reason

    async def task(self) -> ClosureTask:
        key = str(self.body.get("task"))
        found = await self.tx.closures.task(self.run.id, key)
        if found is None:
            raise Missing(kind_of_thing="closure task", id=key)
        return found

    async def result(self) -> CheckResult:
        name = self.body.get("check")
        for each in await self.tx.closures.results(self.run.id):
            if each.check == name:
                return each
        raise Missing(kind_of_thing="check", id=str(name))

    async def seen(self, task: ClosureTask) -> Seen:
        """The books as they are now, where they are what is signed, and the balances that were compared."""
        controls: list[Control] = []
        if task.plan.kind is TaskKind.RECONCILIATION:
            place = await period_of(self.tx, GateKey(self.run.entity, self.run.period, self.run.scopes[0]))
            controls = await controls_of(self.tx, place, self.run.scopes, self.run.id)
        seen = seen_of(task, controls)
        balances = {name: self._amount(name) for name in ("statement_balance", "book_balance")}
        return replace(seen, **balances)

    def due_at(self) -> datetime:
        try:
            due = datetime.fromisoformat(str(self.body.get("due_at")))
        except ValueError:
            raise Invalid([Fault("/due_at", "an instant")]) from None
        if due.tzinfo is None or due <= self.tx.now:
            raise Invalid([Fault("/due_at", "an instant from now on, with its offset")])
        return due

    def _amount(self, name: str) -> Any:
        raw = self.body.get(name)
        try:
            return None if raw is None else amount(raw)
        except ValueError:
            raise Invalid([Fault(f"/{name}", 'an amount in digits, as "-10.05"')]) from None


async def deed_of(tx: Transaction, actor: Actor, run: ClosureRun, act: Act, body: Json) -> Deed:
    """Raises what the rules of tasks and checks refuse, Missing or Invalid."""
    said = _Said(tx, actor, run, body)
    effect = await _EFFECTS[act](said)
    named = {name: value for name in ("task", "check", "due_at") if (value := body.get(name)) is not None}
    return Deed(act, said.reason, {"act": act.value, **named}, effect)


async def _complete(said: _Said) -> Effect:
    task = await said.task()
    return Effect((task.complete(said.actor.id, said.tx.now, await said.seen(task)),))


async def _sign_off(said: _Said) -> Effect:
    task = await said.task()
    return Effect((task.approve(said.actor.id, said.tx.now, await said.seen(task)),))


async def _reject(said: _Said) -> Effect:
    return Effect(((await said.task()).reject(said.actor.id, said.tx.now, said.needed()),))


async def _waive_task(said: _Said) -> Effect:
    return Effect(((await said.task()).waive(said.actor.id, said.tx.now, said.needed(), said.run.requester),))


async def _waive_check(said: _Said) -> Effect:
    barred = authors(said.run.requester, await said.tx.closures.tasks(said.run.id))
    return Effect(result=(await said.result()).waived(said.actor.id, said.needed(), barred))


async def _acknowledge(said: _Said) -> Effect:
    said.needed()
    return Effect(result=(await said.result()).acknowledged(said.actor.id))


async def _extend(said: _Said) -> Effect:
    """Of the one task, or of the close and of everything that is open."""
    due = said.due_at()
    said.needed()
    if said.body.get("task") is not None:
        return Effect((replace(await said.task(), due_at=due),))
    still = [each for each in await said.tx.closures.tasks(said.run.id) if not each.settled]
    return Effect(tuple(replace(each, due_at=due) for each in still), due_at=due)


async def _as_said(said: _Said) -> Effect:
    said.needed()
    return Effect()


_EFFECTS: dict[Act, Callable[[_Said], Awaitable[Effect]]] = {
    Act.COMPLETE_TASK: _complete,
    Act.SIGN_OFF: _sign_off,
    Act.REJECT_TASK: _reject,
    Act.WAIVE_TASK: _waive_task,
    Act.WAIVE_CHECK: _waive_check,
    Act.ACKNOWLEDGE_CHECK: _acknowledge,
    Act.EXTEND_DEADLINE: _extend,
    Act.REVALIDATE: _as_said,
    Act.ABORT: _as_said,
}
