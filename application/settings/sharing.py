"""What processes share of settings is believed only where it is shown to be of the epoch that is asked for."""

import asyncio
from collections.abc import Collection, Sequence
from uuid import uuid4

from application.commands.following import sent_on
from application.ports.cache import SettingCache
from application.ports.settings import Picture
from application.ports.store import Store
from application.settings.claims import Claim, Moves, Place, claims_of, picture_of
from application.settings.tally import Tally
from domain.settings.warming import MOST_WARMED, warming

_SLICE = 100
"""So many keys go at once."""


class SharedSettings:
    """Read through: what the cache cannot tell the database does, and the cache is told."""

    def __init__(self, store: Store, cache: SettingCache, tally: Tally) -> None:
        self._store = store
        self._cache = cache
        self._tally = tally

    async def some(self, place: Place, keys: Sequence[str], epoch: int) -> Picture | None:
        """Of this epoch, or a later one where something was committed meanwhile; never of two.

        None where so many scopes say something of a key that the database has to be asked for some of them.
        """
        claims = await self._vouched(place, keys, epoch)
        if any(claim.broad for claim in claims.values()):
            return None
        missing = [key for key in keys if key not in claims]
        if not missing:
            return picture_of(claims.values(), epoch)
        read = await self._read(place, missing)
        if not claims:
            return read
        if read.epoch != epoch:
            return await self._read(place, keys)
        return _together(picture_of(claims.values(), epoch), read)

    async def tell(self, place: Place, since: int, picture: Picture, keys: Collection[str]) -> None:
        """These keys, and no other, were written between the epoch `since` and the picture, which has them whole."""
        found = (await self._cache.get(*place, [""])).get("")
        present = None if found is None else Moves.read(place, found)
        if present is not None and present.epoch >= picture.epoch:
            return  # another process has told the same, or more
        await put(self._cache, place, picture)
        moves = Moves.of(place, since, picture.epoch, keys)
        moves = moves if present is None else present.on(moves)
        await self._cache.put(*place, picture.epoch, {"": moves.content()})

    async def ask(self, place: Place, keys: int) -> None:
        """To have all of so many keys put there, when nobody else has asked for it in a while; a worker does that."""
        await self._cache.asked(*place)
        if 0 < keys <= MOST_WARMED and await self._cache.turn(*place):
            async with self._store.transaction(place[0]) as tx:
                await sent_on(tx, [warming(place[1], f"cold:{uuid4()}", tx.now)], None)

    async def places(self, limit: int) -> list[Place]:
        return await self._cache.places(limit)

    async def _vouched(self, place: Place, keys: Sequence[str], epoch: int) -> dict[str, Claim]:
        found = await self._cache.get(*place, ["", *keys])
        head = found.pop("", None)
        moves = None if head is None else Moves.read(place, head)
        claims = {key: claim for key in keys if key in found and (claim := Claim.read(place, key, found[key]))}
        good = {
            key: claim
            for key, claim in claims.items()
            if claim.broad or claim.epoch == epoch or (moves is not None and moves.vouch(claim, epoch))
        }
        self._tally.second_hits += len(good)
        self._tally.second_misses += len(keys) - len(good)
        self._tally.refused += len(found) - len(good)
        return good

    async def _read(self, place: Place, keys: Sequence[str]) -> Picture:
        async with self._store.transaction(place[0]) as tx:
            picture = await tx.settings.picture(place[1], keys)
        await put(self._cache, place, picture)
        return picture


async def put(cache: SettingCache, place: Place, picture: Picture) -> bool:
    """A few keys at a time; False as soon as the cache does not answer."""
    claims = claims_of(place, picture)
    for start in range(0, len(claims), _SLICE):
        contents = {each.key: each.content() for each in claims[start : start + _SLICE]}
        if not await cache.put(*place, picture.epoch, contents):
            return False
        await asyncio.sleep(0)
    return True


def _together(one: Picture, other: Picture) -> Picture:
    """Two parts of the same epoch."""
    return Picture(
        max(one.at, other.at),
        one.epoch,
        {**one.definitions, **other.definitions},
        [*one.entries, *other.entries],
        0,
    )
