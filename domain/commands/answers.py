"""The reply to a command is a command itself, whose id follows from whose reply it is: so nobody is told twice."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from domain.canonical import Json
from domain.commands.command import Command, caused, name_of
from domain.commands.record import CommandRecord
from domain.commands.replies import ReplyKind, ReplyTo

OWN: Final = "changegate"
"""The domain of what the product sends itself: every worker serves it, and nobody else sends there."""
BY_WEBHOOK: Final = f"{OWN}.reply-by-webhook"
TO_WORKFLOW: Final = f"{OWN}.reply-to-workflow"
LONGEST_ID: Final = 200


def reply_of(record: CommandRecord, said: Mapping[str, Json] | None = None) -> Command | None:
    """Of one that is over, where somebody waits for it; `said` is what a person said who ended it.

    It belongs to what the command belongs to, but to no change: what was revoked is told, too.
    """
    wanted = record.command.options.reply_to
    if wanted is None or not record.over:
        return None
    reply = _command(record, wanted, told_of(record, said or {}))
    sent = caused(reply, record.command)
    return replace(sent, options=replace(sent.options, change=None))


def told_of(record: CommandRecord, said: Mapping[str, Json]) -> dict[str, Json]:
    told = {"command": name_of(record.key), "type": record.command.type, "state": record.state.value,
            "epoch": record.epoch, **said}  # fmt: skip
    error = record.error
    if error is None:
        return {**told, "result": record.result}
    about = {"kind": error.kind, "code": error.code, "message": error.message, "details": error.details}
    return {**told, "error": about}


def _command(record: CommandRecord, wanted: ReplyTo, told: dict[str, Json]) -> Command:
    if wanted.kind is ReplyKind.COMMAND:
        return Command(str(wanted.type), _id(str(wanted.prefix), record), told, wanted.schema_version or 1)
    name = _id("reply:", record)
    if wanted.kind is ReplyKind.WEBHOOK:
        return Command(BY_WEBHOOK, name, {"destination": wanted.destination, "reply": told})
    which = {"workflow": wanted.workflow, "signal": wanted.signal}
    return Command(TO_WORKFLOW, name, {**which, "reply": {name: told[name] for name in ("command", "state", "epoch")}})


def _id(prefix: str, record: CommandRecord) -> str:
    """What would be longer than an id may be is there by its digest."""
    name = ":".join(record.key)
    if len(prefix) + len(name) > LONGEST_ID:
        name = hashlib.sha256(name.encode()).hexdigest()
    return prefix + name
