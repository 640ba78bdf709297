"""A module hears of its gates in the way that it chose: by an event, or by a command while none is under way."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from application.commands.following import sent_on
from application.commands.moves import moved
from application.ports.store import Transaction
from domain.commands import Command, CommandRecord, Key, name_of
from domain.events import Event, EventType, Subject, new_event_id
from domain.fences import Fence, RemoteModule
from domain.fences.telling import command_for, withdrawn
from domain.people import Actor


async def told(
    tx: Transaction, asked: Sequence[tuple[RemoteModule, Fence]], actor: Actor | None = None
) -> list[Fence]:  # fmt: skip
    """Those that were told just now, with the commands that tell them; the others are being told."""
    by_event = [fence for module, fence in asked if module.told_by is None]
    await tx.events.add(*(_event(tx, each, actor) for each in by_event))
    commands = [each for module, fence in asked if (each := await _command(tx, module, fence)) is not None]
    await sent_on(tx, [command for _, command in commands], None)
    return [*by_event, *(replace(fence, command=name_of(command.key)) for fence, command in commands)]


async def withdraw(tx: Transaction, *fences: Fence) -> None:
    """What nobody executes is canceled, so that it keeps no newer gate waiting; what somebody does is answered."""
    for fence in fences:
        record = await last(tx, fence, lock=True)
        if record is not None:
            after = withdrawn(record, fence, tx.now)
            await moved(tx, [after] * (after != record))


async def last(tx: Transaction, fence: Fence, *, lock: bool = False) -> CommandRecord | None:
    """The command that told it last."""
    return None if fence.command is None else await tx.commands.get(_key(fence.command), lock=lock)


async def _command(tx: Transaction, module: RemoteModule, fence: Fence) -> tuple[Fence, Command] | None:
    """In the newest version that any handler takes; None while the one before is not over."""
    if module.told_by is None:
        return None
    before = await last(tx, fence)
    if before is not None and not before.over:
        return None
    known = await tx.commands.types(module.told_by.partition(".")[0])
    version = max((each.schema_version for each in known if each.type == module.told_by), default=1)
    return fence, command_for(fence, module.told_by, version, uuid4().hex)


def _key(name: str) -> Key:
    domain, _, id_ = name.partition("/")
    return domain, id_


def _event(tx: Transaction, fence: Fence, actor: Actor | None) -> Event:
    subject = Subject(fence.module, fence.gate.key.entity, fence.epoch)
    by, kind = actor.id if actor else None, EventType.MODULE_GATE_SET
    return Event(new_event_id(tx.now), kind, tx.tenant, None, subject, tx.now, by, facts=fence.to_json())
