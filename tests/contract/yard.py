"""A batch whose commands end one by one, in either store."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from application.commands.batches import BatchSent
from application.commands.cases import CommandCases
from application.commands.moves import moved
from application.ports.commands import CommandFilter
from application.ports.records import AuditFilter
from domain.approvals import ApprovalPolicy
from domain.changes import Kind
from domain.commands import (
    Command,
    CommandError,
    CommandRecord,
    CommandState,
    ParkedKind,
)
from domain.commands.batches import BatchWish, Progress
from domain.commands.operations import Act, Decision
from domain.environments import Environment
from domain.people import Actor, Role
from tests.contract.homes import Home
from tests.contract.ordering import journal

S = CommandState
WHY = "it was looked at"
WRONG = CommandError("permanent", "no-account", "there is no such account")
CALLBACK = Command("sales.ship-order", "done", {"order": 7})
Way = Callable[[CommandRecord], CommandRecord]


def wish(*ids: str, **given: Any) -> BatchWish:
    """What is called 1 goes first, also when it is retried."""
    commands = tuple(journal(each, priority=9 if each == "1" else 5) for each in ids)
    return BatchWish("b1", commands, **{"callback": CALLBACK, **given})


class Yard:
    """A batch of three whose commands end one by one."""

    def __init__(self, home: Home) -> None:
        self.home = home
        store: Any = home.store
        self.use = CommandCases.over(store)
        self.operator = replace(home.ada.actor, roles=frozenset({Role.ADMIN}))

    @property
    def ada(self) -> Actor:
        return self.home.ada.actor

    async def send(self, *ids: str, **given: Any) -> BatchSent:
        return await self.use.batches.send(self.ada, wish(*ids, **given))

    async def ends(self, *ways: str) -> None:
        """One after the other, each in a transaction of its own: completed, failed, expired or parked."""
        for way in ways:
            async with self.home.transaction() as tx:
                lease = uuid4()
                (record,) = await tx.commands.lease("ledger", 1, tx.now, lease)
                (begun,) = await moved(tx, [record if way == "expired" else record.started()])
                await moved(tx, [_ended(begun, way, tx.now)])

    async def decide(self, id: str, act: Act) -> None:  # noqa: A002 -- the command's
        parked = await self.use.troubleshooting.get(self.operator, ("ledger", id))
        decision = Decision(act, WHY, evidence="sha256:" + "0" * 64 if act is Act.COMPLETE else None)
        await self.use.acts.decide(self.operator, ("ledger", id), parked.record.version, uuid4(), decision)

    async def progress(self) -> Progress:
        return await self.use.batches.get(self.ada, "b1")

    async def counts(self) -> dict[str, Any]:
        batch = (await self.progress()).batch
        return {name: many for name, many in batch.counts.items() if many and name not in {"id", "total"}}

    async def callback(self) -> CommandRecord | None:
        async with self.home.transaction() as tx:
            found: CommandRecord | None = await tx.commands.get(CALLBACK.key)
            return found

    async def there(self) -> int:
        return len(await self.use.looking.page(self.ada, CommandFilter(), None, 9))

    async def events(self) -> list[Any]:
        async with self.home.transaction() as tx:
            rows = await tx.audit.page(AuditFilter(resource_type="command-batch", resource="b1"), None, 9)
        return [each.event for each in reversed(rows)]


def _ended(record: CommandRecord, way: str, at: Any) -> CommandRecord:
    ways: dict[str, Way] = {
        "completed": lambda it: it.completed({"posted": True}, at),
        "failed": lambda it: it.failed(WRONG, at),
        "expired": lambda it: it.lapsed(at),
        "parked": lambda it: it.parked_as(ParkedKind.PERMANENT, WRONG),
    }
    return ways[way](record)


async def ungoverned(home: Home) -> Home:
    """Nobody else is asked about what one person decides."""
    async with home.transaction() as tx:
        await tx.policies.put(Environment.PRODUCTION, Kind.COMMAND_REPAIR, ApprovalPolicy(()))
    return home
