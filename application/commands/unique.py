"""A command whose unique key another has is refused, is that other one, or takes its place before it is begun."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from application.ports.store import Transaction
from domain.commands import CommandRecord, Key, OnUnique, UniqueKeyTaken, name_of
from domain.errors import Fault, Invalid

MOST_KEYS: Final = 200
"""In one call: the database has room for so many locks."""


@dataclass(frozen=True)
class Keyed:
    """`instead` are the commands, by the keys of those that are not sent because of them.

    `displaced` are those in whose place others are sent, by the keys of these. `free` is whether any takes its key.
    """

    instead: Mapping[Key, CommandRecord] = field(default_factory=dict)
    displaced: Mapping[Key, CommandRecord] = field(default_factory=dict)
    free: bool = False


async def keyed(tx: Transaction, records: Sequence[CommandRecord], places: Mapping[Key, str]) -> Keyed:
    """`places` say where each stands in what was asked. Nothing is written. UniqueKeyTaken or Invalid where it applies.

    Whoever shares a command that is there waits for nobody; who takes a key waits for all who do.
    """
    wished = {each.key: each for each in records if each.command.unique}
    if not wished:
        return Keyed()
    keys = {each.command.unique for each in wished.values() if each.command.unique}
    if len(keys) > MOST_KEYS:
        raise Invalid([Fault("/commands", f"at most {MOST_KEYS} unique keys")])
    seen = await _looked(tx, wished, keys, places)
    if not (seen.free or seen.displaced):
        return seen
    await tx.commands.unique.take(keys)
    seen = await _looked(tx, wished, keys, places)
    return Keyed(seen.instead, await _waiting(tx, wished, seen.displaced, places), seen.free)


async def _looked(
    tx: Transaction, wished: Mapping[Key, CommandRecord], keys: Collection[Key], places: Mapping[Key, str]
) -> Keyed:
    """What was sent before under its id is left out: it is answered with what has become of it."""
    sent = await tx.commands.unique.sent(wished)
    holders = dict(await tx.commands.unique.holders(keys))
    instead: dict[Key, CommandRecord] = {}
    displaced: dict[Key, CommandRecord] = {}
    free = False
    for key, each in wished.items():
        unique, how = each.command.unique, each.command.options.on_unique
        other = holders.get(unique) if unique else None
        if unique is None or key in sent or (other and other.key == key):
            continue
        if other is None or (how is OnUnique.REPLACE and other.key not in wished and not other.begun):
            free = free or other is None
            displaced |= {key: other} if other else {}
            holders[unique] = each
        elif how is OnUnique.COALESCE:
            instead[key] = other
        else:
            raise _taken(each, other, places)
    return Keyed(instead, displaced, free)


async def _waiting(
    tx: Transaction, wished: Mapping[Key, CommandRecord], displaced: Mapping[Key, CommandRecord],
    places: Mapping[Key, str],
) -> dict[Key, CommandRecord]:  # fmt: skip
    """As they stand now that nobody moves them: what is over meanwhile is in nobody's way."""
    waits = {}
    for by, other in displaced.items():
        there = await tx.commands.get(other.key, lock=True) or other
        if there.over:
            continue
        if there.begun:
            raise _taken(wished[by], there, places)
        waits[by] = there
    return waits


def _taken(asked: CommandRecord, other: CommandRecord, places: Mapping[Key, str]) -> UniqueKeyTaken:
    return UniqueKeyTaken(
        command=name_of(other.key), at=places[asked.key], state=other.state.value,
        unique_key=asked.command.options.unique_key,
    )  # fmt: skip
