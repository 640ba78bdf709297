"""What environments say of settings in Valkey: each key sealed with its place and its epoch, for a time."""

import hashlib
import hmac
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from adapters.cache.guard import PATIENCE, Guard
from domain.environments import Environment

PREFIX: Final = "config"
_PLACES = f"{PREFIX}:places"
_MOST_PLACES = 1_000
_DIGITS = 20
"""Of an epoch, so that the later of two is the greater text."""
_SEAL = hashlib.sha256().digest_size

_PUT = f"""
for place, key in ipairs(KEYS) do
  if redis.call('GETRANGE', key, 0, {_DIGITS - 1}) < ARGV[2] then
    redis.call('SET', key, ARGV[place + 2], 'EX', ARGV[1])
  end
end
"""
"""Who read before a commit and comes after it puts nothing over what was read later."""
_ASKED = f"""
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], now[1] + now[2] / 1000000, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{_MOST_PLACES + 1})
"""


class ValkeySettings:
    """Answers `application.ports.cache.SettingCache`. Only who knows `secret` can write what is believed."""

    def __init__(
        self, url: str, secret: bytes, ttl: timedelta = timedelta(minutes=5), patience: float = PATIENCE
    ) -> None:
        self._guard = Guard(url, patience)
        self._secret = secret
        self._seconds = max(1, int(ttl.total_seconds()))

    async def get(self, tenant: UUID, environment: Environment, names: Collection[str]) -> dict[str, bytes]:
        asked = {name: _key(tenant, environment, name) for name in names}
        kept = await self._guard.ask(lambda redis: redis.mget(list(asked.values())))
        found = zip(asked.items(), kept or (), strict=False)
        opened = {name: self._opened(key, each) for (name, key), each in found if isinstance(each, bytes)}
        return {name: content for name, content in opened.items() if content is not None}

    async def put(self, tenant: UUID, environment: Environment, epoch: int, contents: Mapping[str, bytes]) -> bool:
        if not contents or self._guard.away:
            return not self._guard.away
        at = f"{epoch:0{_DIGITS}}".encode()
        sealed = {key: self._sealed(key, at, content) for key, content in _keyed(tenant, environment, contents)}

        async def putting(redis: Redis) -> bool:
            await redis.eval(_PUT, len(sealed), *sealed, self._seconds, at, *sealed.values())
            return True

        return bool(await self._guard.ask(putting))

    async def turn(self, tenant: UUID, environment: Environment) -> bool:
        key, seconds = f"{PREFIX}-turn:{tenant}:{environment.value}", max(1, self._seconds // 2)
        return bool(await self._guard.ask(lambda redis: redis.set(key, "1", nx=True, ex=seconds)))

    async def asked(self, tenant: UUID, environment: Environment) -> None:
        await self._guard.ask(lambda redis: redis.eval(_ASKED, 1, _PLACES, f"{tenant} {environment.value}"))

    async def places(self, limit: int) -> list[tuple[UUID, Environment]]:
        kept = await self._guard.ask(lambda redis: redis.zrevrange(_PLACES, 0, limit - 1))
        words = [each.decode().split(" ") for each in kept or () if isinstance(each, bytes)]
        return [(UUID(tenant), Environment(environment)) for tenant, environment in words]

    async def aclose(self) -> None:
        await self._guard.aclose()

    def _sealed(self, key: str, epoch: bytes, content: bytes) -> bytes:
        return epoch + self._seal(key, epoch, content) + content

    def _opened(self, key: str, kept: bytes) -> bytes | None:
        epoch, seal, content = kept[:_DIGITS], kept[_DIGITS : _DIGITS + _SEAL], kept[_DIGITS + _SEAL :]
        return content if hmac.compare_digest(seal, self._seal(key, epoch, content)) else None

    def _seal(self, key: str, epoch: bytes, content: bytes) -> bytes:
        return hmac.digest(self._secret, b"\0".join((key.encode(), epoch, content)), "sha256")


def _key(tenant: UUID, environment: Environment, name: str) -> str:
    return f"{PREFIX}:{tenant}:{environment.value}:{name}"


def _keyed(tenant: UUID, environment: Environment, contents: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    return [(_key(tenant, environment, name), content) for name, content in contents.items()]
