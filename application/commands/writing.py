"""How a command is written down when it is sent, whoever sends it, and the event that says so."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from application.ports.store import Transaction
from application.recording import event_of
from domain.audit import Action
from domain.canonical import Json
from domain.commands import Command, CommandRecord, fingerprint, name_of
from domain.people import Actor


def recorded(tx: Transaction, command: Command, sender: UUID | None, batch: str | None = None) -> CommandRecord:
    """As it stands when it is sent now."""
    asked = command.options
    whole = replace(command, options=replace(asked, correlation=asked.correlation or uuid4()))
    return CommandRecord(
        whole, tx.tenant, fingerprint(whole), sender, tx.now, asked.not_before or tx.now, batch=batch
    )  # fmt: skip


async def sent_told(tx: Transaction, records: Sequence[CommandRecord], actor: Actor | None = None) -> None:
    """What they carry is in them, and stays there."""
    await tx.audit.append(
        *(
            event_of(tx, Action.COMMAND_SENT, ("command", name_of(each.key)), actor=actor,
                     change=each.command.options.change, after=_said(each))
            for each in records
        )
    )  # fmt: skip


def _said(record: CommandRecord) -> Json:
    asked = record.command.options
    return {
        "type": record.command.type,
        "schema_version": record.command.schema_version,
        "fingerprint": record.fingerprint,
        "correlation": str(asked.correlation),
        "causation": asked.causation,
    }
