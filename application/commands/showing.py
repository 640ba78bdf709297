"""What a command carries is shown to whoever may decide about it and to whoever sent it; others see its shape."""

from dataclasses import replace

from application.ports.secrets import MASK
from domain.canonical import Json
from domain.commands import CommandRecord
from domain.people import Actor, Permission


def shown(record: CommandRecord, actor: Actor) -> CommandRecord:
    """With payload and result as this person may see them."""
    if Permission.COMMANDS_OPERATE in actor.permissions or record.sender == actor.id:
        return record
    command = replace(record.command, payload=masked(record.command.payload))
    return replace(record, command=command, result=masked(record.result), edited=masked(record.edited))


def masked(value: Json) -> Json:
    """Names and lengths stay."""
    if isinstance(value, dict):
        return {name: masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return None if value is None else MASK
