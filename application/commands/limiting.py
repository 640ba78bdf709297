"""Of types with limits no more is leased than they allow, over all workers, and the others of a lane go on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.commands.breaking import moved
from application.commands.handling import Handlers
from application.commands.passages import Passages, passages
from application.ports.commands import EVERY, Types
from application.ports.store import Transaction
from domain.commands import CommandRecord
from domain.commands.limits import Bucket, Limit, Room
from domain.commands.policies import TypePolicy


@dataclass(frozen=True)
class Wanted:
    """A lease of one lane."""

    domain: str
    most: int
    ends_at: datetime
    lease: UUID
    types: Types = EVERY


class Limiting:
    """By what the handlers of this process say; whoever serves a domain has the same."""

    def __init__(self, handlers: Handlers) -> None:
        self._bounds = {domain: handlers.bounds(domain) for domain in handlers.domains}

    def paced(self, domain: str) -> bool:
        """Whether there may be room again for what is due, and nobody says when."""
        return any(each.apart or each.limit(name) for name, each in self._bounds.get(domain, {}).items())

    async def lease(self, tx: Transaction, wanted: Wanted) -> list[CommandRecord]:
        """What has no bounds costs nothing more than without them."""
        types = wanted.types
        types = replace(types, names=frozenset(name for name in types.names if name.startswith(f"{wanted.domain}.")))
        bounds = {name: each for name, each in self._bounds.get(wanted.domain, {}).items() if types.hold(name)}
        if bounds:
            return await _within(tx, bounds, replace(wanted, types=types))
        return await _leased(tx, replace(wanted, types=types), Passages())


async def _within(tx: Transaction, bounds: Mapping[str, TypePolicy], wanted: Wanted) -> list[CommandRecord]:
    found = await passages(tx, bounds)
    rooms = found.rooms
    free = [name for name in bounds if name not in rooms or rooms[name].most != 0]
    limits = [limit for name in free if (limit := bounds[name].limit(name)) is not None]
    buckets = await _room_left(tx, limits, rooms) if limits else {}
    records = await _leased(tx, wanted, found)
    taken = Counter(each.command.type for each in records)
    spent = {name: each.spent(taken[name]) for name, each in buckets.items() if taken[name]}
    if spent:
        await tx.commands.limits.put(limits, spent)
    probes = {bounds[name].dependency(each.dependency) for each in records if (name := each.command.type) in bounds}
    for breaker in found.probing.values():
        if breaker.dependency in probes:
            await moved(tx, breaker, breaker.probing(tx.now, wanted.ends_at - tx.now))
    return records


async def _leased(tx: Transaction, wanted: Wanted, found: Passages) -> list[CommandRecord]:
    types = replace(wanted.types, rooms=found.rooms, parts=found.parts)
    return await tx.commands.lease(wanted.domain, wanted.most, wanted.ends_at, wanted.lease, types)


async def _room_left(tx: Transaction, limits: Sequence[Limit], rooms: dict[str, Room]) -> dict[str, Bucket]:
    """Says in `rooms` what there is, and gives the buckets of those with a rate, as full as they are now.

    Whose bucket another relay holds has no room for this one.
    """
    taken = await tx.commands.limits.take(limits)
    counted = [each for each in limits if each.at_once is not None and each.type in taken]
    leased = await tx.commands.limits.leased(counted) if counted else {}
    filled: dict[str, Bucket] = {}
    for limit in limits:
        bucket = taken.get(limit.type)
        room: int | None = 0
        if bucket is not None:
            full = bucket.filled(limit, tx.now)
            room = limit.room(full, leased.get(limit.type, 0))
            if limit.per_second is not None:
                filled[limit.type] = full
        if room is not None:
            rooms[limit.type] = rooms.get(limit.type, Room()).within(room)
    return filled
