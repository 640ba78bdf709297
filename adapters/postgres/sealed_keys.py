"""Data keys are replaced one for one, and only where they are still what was read."""

from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import sealed_key
from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Wrapped

_REWRAPPED = text(
    "UPDATE sealed_key AS k SET kek = u.kek, wrapped = u.wrapped"
    " FROM unnest(CAST(:seals AS text[]), CAST(:before AS bytea[]), CAST(:keks AS text[]), CAST(:after AS bytea[]))"
    " AS u (seal, before, kek, wrapped)"
    " WHERE k.seal = u.seal AND k.wrapped = u.before RETURNING k.seal"
)


class PostgresSealedKeys:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, *keys: SealedKey) -> None:
        rows = [
            {"tenant_id": self._tenant, "seal": each.seal, "kek": each.wrapped.kek, "wrapped": each.wrapped.key}
            for each in keys
        ]
        if rows:
            await self._session.execute(insert(sealed_key), rows)

    async def get(self, seal: str) -> SealedKey | None:
        k = sealed_key.c
        row = (await self._session.execute(select(k.kek, k.wrapped).where(k.seal == seal))).one_or_none()
        return SealedKey(seal, Wrapped(row.kek, row.wrapped)) if row else None

    async def under_others(self, kek: str, after: str, limit: int) -> list[SealedKey]:
        k = sealed_key.c
        query = select(k.seal, k.kek, k.wrapped).where(k.kek != kek, k.seal > after).order_by(k.seal).limit(limit)
        return [SealedKey(row.seal, Wrapped(row.kek, row.wrapped)) for row in await self._session.execute(query)]

    async def rewrap(self, *pairs: tuple[SealedKey, Wrapped]) -> int:
        if not pairs:
            return 0
        ordered = sorted(pairs, key=lambda pair: pair[0].seal)  # two rotations lock in one order
        wanted = {
            "seals": [before.seal for before, _ in ordered],
            "before": [before.wrapped.key for before, _ in ordered],
            "keks": [after.kek for _, after in ordered],
            "after": [after.key for _, after in ordered],
        }
        return len((await self._session.execute(_REWRAPPED, wanted)).all())
