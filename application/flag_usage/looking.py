"""Who may read a flag sees how it is used, in which state of its life it is, and what speaks against its removal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.flags import existing
from application.ports.flag_usage import StoredScan, Times
from application.ports.records import StoredFlag
from application.ports.store import Store, Transaction
from domain.environments import Environment
from domain.flags.authoring import plain
from domain.flags.lifecycle import Evidence, Finding, Given, Lifecycle, Scan, Standing, against_removal, standing
from domain.flags.references import Reference
from domain.flags.tags import tags_of
from domain.people import Actor, Permission

_AT_ONCE: Final = 200
"""Flags that are read together where only some are looked for."""


@dataclass(frozen=True)
class Living:
    flag: StoredFlag
    standing: Standing


@dataclass(frozen=True)
class Sought:
    """Which flags are looked for: in one state of their life, with one of the tags."""

    state: Lifecycle | None = None
    tags: frozenset[str] = frozenset()

    @property
    def every(self) -> bool:
        return self == Sought()

    def tagged(self, flag: StoredFlag) -> bool:
        return not self.tags or not self.tags.isdisjoint(tags_of(plain(flag.definition).get("metadata")))


@dataclass(frozen=True)
class Used:
    """`times` since then; `given` as long as the flag is known."""

    flag: StoredFlag
    since: datetime
    times: list[Times]
    given: tuple[Given, ...]
    scans: list[tuple[StoredScan, int]]
    standing: Standing
    against_removal: tuple[Finding, ...]


class FlagUse:
    """Each raises PermissionMissing, and Missing where there is no such flag."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def usage(self, actor: Actor, place: tuple[Environment, str], hours: int) -> Used:
        actor.require(Permission.FEATURES_READ)
        environment, key = place
        async with self._store.transaction(actor.tenant) as tx:
            flag = await existing(tx, environment, key)
            since = tx.now - timedelta(hours=hours)
            times = await tx.flag_usage.times(environment, key, since)
            scans = await tx.flag_references.scans(environment)
            places = await tx.flag_references.places(environment, [key])
            (evidence,) = await evidence_of(tx, environment, [flag], scans)
            found = [(scan, places.get((key, scan.repository), 0)) for scan in scans]
            state, against = standing(evidence, tx.now), against_removal(evidence, tx.now)
            return Used(flag, since, times, evidence.given, found, state, against)

    async def page(
        self, actor: Actor, environment: Environment, after: str, limit: int, sought: Sought
    ) -> list[Living]:
        """By key."""
        actor.require(Permission.FEATURES_READ)
        at_once, found = limit if sought.every else _AT_ONCE, list[Living]()
        async with self._store.transaction(actor.tenant) as tx:
            scans = await tx.flag_references.scans(environment)
            while len(found) < limit:
                flags = await tx.flags.page(environment, after, at_once)
                tagged = [flag for flag in flags if sought.tagged(flag)]
                evidence = await evidence_of(tx, environment, tagged, scans)
                for flag, known in zip(tagged, evidence, strict=True):
                    living = Living(flag, standing(known, tx.now))
                    if sought.state in {None, living.standing.state}:
                        found.append(living)
                if len(flags) < at_once:
                    break
                after = flags[-1].key
        return found[:limit]

    async def references(
        self, actor: Actor, place: tuple[Environment, str], after: tuple[str, str], limit: int
    ) -> list[tuple[str, Reference]]:
        """By repository and path."""
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await existing(tx, *place)
            return await tx.flag_references.page(*place, after, limit)


async def evidence_of(
    tx: Transaction, environment: Environment, flags: Sequence[StoredFlag], scans: Sequence[StoredScan]
) -> list[Evidence]:
    keys = [flag.key for flag in flags]
    made = await tx.flags.made(environment, keys)
    given = await tx.flag_usage.given(environment, keys)
    places = await tx.flag_references.places(environment, keys)
    heard = await tx.flag_usage.heard(environment)
    return [
        Evidence(
            flag.definition,
            made.get(flag.key, flag.written_at),
            flag.written_at,
            tuple(given.get(flag.key, ())),
            heard,
            tuple(Scan(s.repository, s.scanned_at, places.get((flag.key, s.repository), 0)) for s in scans),
        )
        for flag in flags
    ]
