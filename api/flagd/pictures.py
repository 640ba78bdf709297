"""A flag set is written in flagd's form once for each revision, however many read it."""

import hashlib
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from api.flagd.messages import SyncFlagsResponse
from application.evaluation import FlagSets, Shelf
from application.ports.store import Store
from domain.environments import Environment
from domain.flags import SHARED_RULES


class Picture(NamedTuple):
    """One revision: `document` is flagd's JSON, `message` the answer of a stream, `tag` a strong ETag."""

    revision: int
    document: bytes
    message: bytes
    tag: str


class FlagdSet:
    """The flag set of one environment of a tenant; `name` is what flagd calls a flagSetId."""

    def __init__(self, slug: str, tenant: UUID, environment: Environment, shelf: Shelf) -> None:
        self.name = f"{slug}/{environment.value}"
        self.tenant, self.environment, self.shelf = tenant, environment, shelf
        self._newest: Picture | None = None

    @property
    def picture(self) -> Picture:
        """Of what is served now."""
        if self._newest is None or self._newest.revision != self.shelf.stored.revision:
            self._newest = _drawn(self.name, self.shelf)
        return self._newest


class FlagdSets:
    """Each is made when somebody first asks for it, and stays as long as its snapshot."""

    def __init__(self, store: Store, flag_sets: FlagSets) -> None:
        self._store = store
        self._flag_sets = flag_sets
        self._made: dict[tuple[UUID, Environment], FlagdSet] = {}

    async def get(self, tenant: UUID, environment: Environment) -> FlagdSet:
        made = self._made.get((tenant, environment))
        if made is None:
            shelf = await self._flag_sets.shelf(tenant, environment)
            home = await self._store.home(tenant)
            made = self._made.setdefault((tenant, environment), FlagdSet(home.slug, tenant, environment, shelf))
        return made


def _drawn(name: str, shelf: Shelf) -> Picture:
    stored, published = shelf.stored, shelf.published
    about = {"flagSetId": name, "version": stored.revision, "bucketing": stored.bucketing}
    # A client that finds no `scope` puts its selector there, whatever that holds.
    flags = {key: published.flags[key] for key in stored.flags}  # in the order that every process has
    content: dict[str, Any] = {"flags": flags, "metadata": {"scope": name, **stored.metadata, **about}}
    if published.shared:
        content[SHARED_RULES] = published.shared
    document = orjson.dumps(content)
    told = SyncFlagsResponse(flag_configuration=document.decode())
    told.sync_context.update({"flagSetId": name})  # clients take an empty one for none, and ask elsewhere
    tag = f'"{stored.revision}-{hashlib.blake2b(document, digest_size=12).hexdigest()}"'
    return Picture(stored.revision, document, told.SerializeToString(), tag)
