"""Configs are read one by one and by page, in the order of environments and keys."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from application.configs.choosing import Catalogue, Choice
from application.configs.naming import ROOT, ConfigName
from application.configs.shelf import Config, configs_of
from application.ports.settings import StoredEntry
from application.ports.store import Store
from application.settings.reading import SettingReads
from application.settings.versions import SettingVersions
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Missing
from domain.people import Actor, Permission

NEWEST = 2**62
"""Above every version."""


@dataclass(frozen=True)
class Listed:
    """Where a list of configs goes on: after this key of this environment."""

    environment: Environment
    key: str = ""


@dataclass(frozen=True)
class Sought:
    """Which configs of a tenant a list is about; `environment` None is all of them."""

    choice: Choice = field(default_factory=Choice)
    environment: Environment | None = None
    after: Listed | None = None

    def starts(self) -> Iterator[tuple[Environment, str]]:
        """Each environment that is left, and the key after which it goes on."""
        for environment in Environment if self.environment is None else [self.environment]:
            if self.after is None or environment.rank > self.after.environment.rank:
                yield environment, ""
            elif environment is self.after.environment:
                yield environment, self.after.key


class ConfigReads:
    """Each raises PermissionMissing, or Missing where there is no such config in this tenant."""

    def __init__(self, store: Store, catalogue: Catalogue, reads: SettingReads, versions: SettingVersions) -> None:
        self._store = store
        self._catalogue = catalogue
        self._reads = reads
        self._versions = versions

    async def get(self, actor: Actor, name: ConfigName) -> Config:
        """From the database, because what is read here is what a write is over."""
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await configs_of(tx, name.environment, [name.key])
        if not found:
            raise name.missing
        return found[0]

    async def page(self, actor: Actor, tenant: str, sought: Sought, limit: int) -> list[Config]:
        """At most `limit` of the tenant with this slug, which is the actor's own."""
        actor.require(Permission.SETTINGS_READ)
        if (await self._store.home(actor.tenant)).slug != tenant:
            raise Missing(kind_of_thing="tenant", tenant=tenant)
        found: list[Config] = []
        for environment, after in sought.starts():
            found += await self._some(actor, environment, sought.choice, after, limit - len(found))
            if len(found) == limit:
                break
        return found

    async def _some(
        self, actor: Actor, environment: Environment, choice: Choice, after: str, most: int
    ) -> list[Config]:
        found: list[Config] = []
        while len(found) < most:
            wanted = most - len(found)
            keys = await self._catalogue.page(actor.tenant, environment, choice, after, wanted)
            async with self._store.transaction(actor.tenant) as tx:
                found += await configs_of(tx, environment, keys)
            if len(keys) < wanted:
                break
            after = keys[-1]
        return found

    async def history(self, actor: Actor, name: ConfigName, before: int, limit: int) -> list[StoredEntry]:
        """Newest first, that of one that was deleted too."""
        actor.require(Permission.SETTINGS_READ)
        rows = await self._reads.history(actor, name.environment, name.key, ROOT, before, limit)
        if not rows and before == NEWEST:
            raise name.missing
        return rows

    async def compare(self, actor: Actor, name: ConfigName, one: int, other: int) -> list[Json]:
        return await self._versions.compare(actor, name.spot, one, other)
