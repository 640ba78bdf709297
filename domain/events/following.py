"""A type of commands may follow events: there is one command for each of them, in the tenant in which it happened."""

from collections.abc import Iterable

from domain.commands import Command, CommandType, Options
from domain.events.event import Event


def following(types: Iterable[CommandType]) -> dict[str, list[CommandType]]:
    """By the event that they follow, as the newest version of each type says."""
    newest: dict[str, CommandType] = {}
    for each in types:
        if each.type not in newest or each.schema_version > newest[each.type].schema_version:
            newest[each.type] = each
    found: dict[str, list[CommandType]] = {}
    for each in newest.values():
        for event in each.policy.get("follows", ()):
            found.setdefault(event, []).append(each)
    return found


def command_after(event: Event, follower: CommandType) -> Command:
    """What webhooks are told as well. It belongs to what the change has caused, and not to the change.

    It happened, whatever becomes of that change: what is taken back is another event.
    """
    verb = follower.type.partition(".")[2]
    belongs = Options(correlation=event.change)
    return Command(follower.type, f"event:{event.id}:{verb}", event.to_json(), follower.schema_version, belongs)
