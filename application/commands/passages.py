"""What depends on something that is left alone is not leased, and of one receiver no more than may hang with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from application.commands.breaking import Which
from application.ports.store import Transaction
from domain.commands.breakers import Breaker, Passage
from domain.commands.limits import Limit, LimitScope, Room
from domain.commands.policies import TypePolicy


@dataclass
class Passages:
    """Rooms of types and of their receivers; `probing` are the breakers, locked, that wait for one to see."""

    rooms: dict[str, Room] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    probing: dict[Which, Breaker] = field(default_factory=dict)


async def passages(tx: Transaction, bounds: Mapping[str, TypePolicy]) -> Passages:
    """Of types that depend on nothing it says nothing."""
    found = Passages()
    named = {each.depends_on for each in bounds.values() if each.depends_on}
    if not named:
        return found
    apart = {name: each for name, each in bounds.items() if each.apart is not None}
    held = await _told_apart(tx, apart, found) if apart else set()
    breakers = await tx.commands.breakers.some(named)
    held |= {each.dependency for each in breakers if each.held}
    whole = {each.depends_on for name, each in bounds.items() if name not in apart}
    stands = await _stands(tx, (each for each in breakers if each.dependency in whole), found)
    for name, policy in bounds.items():
        scopes = {LimitScope.TENANT, policy.scope}
        seen = {stands.get((policy.depends_on or "", scope), Passage.ALL) for scope in scopes}
        if policy.depends_on in held or (name not in apart and Passage.NOTHING in seen):
            found.rooms[name] = Room(0)
        elif name in apart:
            found.rooms[name] = Room(apart=policy.depends_on, each=policy.at_once_apart)
        elif Passage.PROBE in seen:
            found.rooms[name] = Room(1, policy.depends_on)
    return found


async def _stands(tx: Transaction, breakers: Iterable[Breaker], found: Passages) -> dict[Which, Passage]:
    """Where another relay is about to send one to see, this one sends none."""
    stands: dict[Which, Passage] = {}
    for each in breakers:
        which = each.dependency, each.scope
        stands[which] = each.passage(tx.now)
        if stands[which] is Passage.PROBE:
            locked = await tx.commands.breakers.lock_free(*which)
            stands[which] = locked.passage(tx.now) if locked else Passage.NOTHING
            if locked is not None and stands[which] is Passage.PROBE:
                found.probing[which] = locked
    return stands


async def _told_apart(tx: Transaction, apart: Mapping[str, TypePolicy], found: Passages) -> set[str]:
    """Says in `found` what room there is for receivers; those dependencies that another relay counts now have none.

    A bucket of the dependency's name is the lock: who counts what is leased is alone with that, and with the breakers.
    """
    most: dict[str, int] = {}
    for each in apart.values():
        name = each.depends_on or ""
        most[name] = min(most.get(name, each.at_once_apart), each.at_once_apart)
    taken = await tx.commands.limits.take([Limit(name) for name in sorted(most)])
    leased = {name: count for name, count in (await tx.commands.limits.apart()).items() if _whole(name) in taken}
    found.parts |= {name: max(0, most[_whole(name)] - count) for name, count in leased.items()}
    breakers = [each for each in await tx.commands.breakers.troubled() if _whole(each.dependency) in taken]
    for (name, _), passage in (await _stands(tx, breakers, found)).items():
        if passage is not Passage.ALL:
            room = found.parts.get(name, most[_whole(name)])
            found.parts[name] = min(room, 1) if passage is Passage.PROBE else 0
    return set(most) - set(taken)


def _whole(dependency: str) -> str:
    return dependency.partition(":")[0]
