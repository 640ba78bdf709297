"""Who is to be told how a command ended is there, and is of the same tenant."""

from application.ports.outward import DestinationKind
from application.ports.store import Transaction
from domain.commands import Command, ReplyKind, ReplyTo
from domain.errors import Fault


async def reply_faults(tx: Transaction, command: Command, place: str) -> list[Fault]:
    """At most one, with a pointer below `place`."""
    wanted = command.options.reply_to
    if wanted is None:
        return []
    if wanted.kind is ReplyKind.COMMAND:
        return [] if await _takes(tx, wanted) else [Fault(f"{place}/reply_to/type", "a type that some handler takes")]
    if wanted.kind is ReplyKind.WEBHOOK:
        there = await tx.outward.destination(wanted.destination or "")
        known = there is not None and there.kind is DestinationKind.WEBHOOK
        return [] if known else [Fault(f"{place}/reply_to/destination", "a webhook among the destinations")]
    ours = wanted.waits_in(tx.tenant)
    return [] if ours else [Fault(f"{place}/reply_to/workflow", "a workflow that waits in this tenant")]


async def _takes(tx: Transaction, wanted: ReplyTo) -> bool:
    known = await tx.commands.types((wanted.type or "").partition(".")[0])
    return any((each.type, each.schema_version) == (wanted.type, wanted.schema_version) for each in known)
