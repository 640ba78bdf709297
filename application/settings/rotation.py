"""Keys are rotated by wrapping data keys anew, a few at a time; secrets are read all the while, whatever is killed."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from application.ports.sealed_keys import SealedKey
from application.ports.secrets import KeyRing, SealBroken, Wrapped
from application.ports.store import Store
from application.recording import record
from domain.audit import Action

BATCH = 100
Progress = Callable[[int], None]
"""Told how many data keys were looked at since it was told before."""


@dataclass(frozen=True)
class RingKey:
    """One key, `known` to the ring or not, and what is under it."""

    id: str
    primary: bool
    known: bool
    values: int
    tenants: int

    @property
    def spare(self) -> bool:
        """Nothing is lost with it."""
        return self.known and not self.primary and not self.values


@dataclass(frozen=True)
class Rotated:
    """What one run did: `left` were changed by another run meanwhile, `broken` open with no key of the ring."""

    primary: str
    rewrapped: int = 0
    left: int = 0
    broken: int = 0


class Rotation:
    """Of every tenant; whoever has the database and the ring at hand may do this, so no actor is asked for."""

    def __init__(self, store: Store, ring: KeyRing, batch: int = BATCH) -> None:
        self._store = store
        self._ring = ring
        self._batch = batch

    async def keys(self) -> list[RingKey]:
        """Every key of the ring, and every one that something is under."""
        used, known, primary = await self._store.sealed_keys(), await self._ring.ids(), await self._ring.primary()
        ids = dict.fromkeys([*known, primary, *(each.kek for each in used)])
        return [
            RingKey(
                kek,
                kek == primary,
                kek in known or kek == primary,
                sum(each.found for each in used if each.kek == kek),
                sum(each.kek == kek for each in used),
            )
            for kek in ids
        ]

    async def new_key(self) -> str:
        await self._ring.primary()  # a ring without keys has its first one before it gets another
        return await self._ring.grow()

    async def outstanding(self) -> int:
        """How many data keys are not under the primary."""
        primary = await self._ring.primary()
        return sum(each.found for each in await self._store.sealed_keys() if each.kek != primary)

    async def rotate(self, reason: str, progress: Progress = lambda _: None) -> Rotated:
        """Everything under the primary of now; a run that was killed is gone on with by any other.

        KeysUnavailable ends it between two transactions.
        """
        primary = await self._ring.primary()
        tenants = dict.fromkeys(each.tenant for each in await self._store.sealed_keys() if each.kek != primary)
        done = Rotated(primary)
        for tenant in tenants:
            done = await self._of_tenant(tenant, done, reason, progress)
        return done

    async def _of_tenant(self, tenant: UUID, done: Rotated, reason: str, progress: Progress) -> Rotated:
        after, recorded = "", False
        while True:
            async with self._store.transaction(tenant) as tx:
                found = await tx.sealed_keys.under_others(done.primary, after, self._batch)
            if not found:
                return done
            after = found[-1].seal
            # The ring may be far away: it is asked while no transaction waits for it.
            pairs = [(each, new) for each in found if (new := await self._rewrapped(each)) is not None]
            async with self._store.transaction(tenant) as tx:
                count = await tx.sealed_keys.rewrap(*pairs)
                if count and not recorded:
                    await record(
                        tx, Action.SECRETS_REWRAPPED, ("key", done.primary), reason=reason,
                        after={"key": done.primary, "from": sorted({each.wrapped.kek for each, _ in pairs})},
                    )  # fmt: skip
                    recorded = True
            progress(len(found))
            done = Rotated(
                done.primary,
                done.rewrapped + count,
                done.left + len(pairs) - count,
                done.broken + len(found) - len(pairs),
            )

    async def _rewrapped(self, sealed: SealedKey) -> Wrapped | None:
        try:
            return await self._ring.wrap(await self._ring.unwrap(sealed.wrapped))
        except SealBroken:
            return None
