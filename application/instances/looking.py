"""Who may read a target sees what is live, what is stable, what came before and who holds which version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.instances.sightings import Sightings
from application.ports.deployments import Deployed, Place
from application.ports.store import Store, Transaction
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Missing
from domain.instances import LIVE, Holds, Instance
from domain.instances.versions import Share, shares, version_at
from domain.people import Actor, Permission
from domain.rollouts import Rollout

_VERSIONS: Final = 100
_ROOT: Final = ""
_READING: Final = {Kind.FLAG: Permission.FEATURES_READ, Kind.SETTING: Permission.SETTINGS_READ}


@dataclass(frozen=True)
class Aim:
    """A flag, or a setting at the root of its tenant."""

    environment: Environment
    kind: Kind
    key: str


@dataclass(frozen=True)
class Live:
    """`revision` is that of the environment's flags or settings now; `deployment` is the one that holds the target."""

    version: int
    revision: int
    deployment: Rollout | None


@dataclass(frozen=True)
class Held:
    """`version` None is one that is older than what is still known."""

    instance: Instance
    version: int | None


@dataclass(frozen=True)
class Holders:
    """`shares` count every live instance, `page` is a part of them by name."""

    at: datetime
    shares: tuple[Share, ...]
    page: list[Held]

    @property
    def live(self) -> int:
        return sum(share.instances for share in self.shares)


@dataclass(frozen=True)
class Present:
    """`revision` is what an environment serves now; of those that are `live` and follow the kind so many hold it."""

    revision: int
    live: int
    holding: int
    page: list[Instance]


class Looking:
    """Each raises PermissionMissing; `live` and `holders` raise Missing where there is no such target."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def live(self, actor: Actor, aim: Aim) -> Live:
        actor.require(_READING[aim.kind])
        async with self._store.transaction(actor.tenant) as tx:
            version, revision = await _existing(tx, aim), await _revision(tx, aim.environment, aim.kind)
            held = await tx.parts.held_by(aim.environment, aim.kind, aim.key)
            return Live(version, revision, held[0] if held else None)

    async def stable(self, actor: Actor, aim: Aim) -> Deployed:
        """Missing as long as no deployment of it has succeeded."""
        actor.require(_READING[aim.kind])
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.deployments.stable(aim.environment, aim.kind, aim.key)
            if found is None:
                raise Missing(kind_of_thing="deployment", key=aim.key)
            return found

    async def history(self, actor: Actor, aim: Aim, before: Place | None, limit: int) -> list[Deployed]:
        actor.require(_READING[aim.kind])
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.deployments.of_target(aim.environment, aim.kind, aim.key, before, limit)

    async def holders(self, actor: Actor, aim: Aim, after: str, limit: int) -> Holders:
        actor.require(_READING[aim.kind])
        async with self._store.transaction(actor.tenant) as tx:
            await _existing(tx, aim)
            since = tx.now - LIVE
            tally = await tx.instances.tally(aim.environment, aim.kind, since)
            found = await tx.instances.written(aim.environment, aim.kind, aim.key, _VERSIONS)
            page = await tx.instances.page(aim.environment, aim.kind, since, after, limit)
            written = sorted((each.revision, each.version) for each in found)
            held = [Held(each, version_at(_of(aim.kind, each.holds), written)) for each in page]
            return Holders(tx.now, shares(tally, written), held)

    async def present(self, actor: Actor, environment: Environment, kind: Kind, after: str, limit: int) -> Present:
        actor.require(_READING[kind])
        async with self._store.transaction(actor.tenant) as tx:
            since, serves = tx.now - LIVE, await _revision(tx, environment, kind)
            tally = await tx.instances.tally(environment, kind, since)
            holding = sum(count for revision, count in tally.items() if revision >= serves)
            page = await tx.instances.page(environment, kind, since, after, limit)
            return Present(serves, sum(tally.values()), holding, page)


class Acknowledging:
    """Instances say what they hold, themselves or through whoever speaks for them."""

    def __init__(self, sightings: Sightings) -> None:
        self._sightings = sightings

    def take(self, actor: Actor, environment: Environment, said: dict[str, Holds]) -> None:
        """Saying it again changes nothing. Raises PermissionMissing."""
        actor.require(Permission.FEATURES_EVALUATE)
        for name, holds in said.items():
            self._sightings.see(actor.tenant, environment, name, holds)


def _of(kind: Kind, holds: Holds) -> int:
    return (holds.flags if kind is Kind.FLAG else holds.settings) or 0


async def _existing(tx: Transaction, aim: Aim) -> int:
    """The present version of the target."""
    if aim.kind is Kind.FLAG:
        flag = await tx.flags.get(aim.environment, aim.key)
        if flag is None:
            raise Missing(kind_of_thing="flag", key=aim.key)
        return flag.version
    latest = await tx.settings.latest(aim.environment, [aim.key], [_ROOT])
    if not latest and await tx.settings.definition(aim.key) is None:
        raise Missing(kind_of_thing="setting", key=aim.key)
    return latest.get((aim.key, _ROOT), 0)


async def _revision(tx: Transaction, environment: Environment, kind: Kind) -> int:
    return await (tx.flags.revision if kind is Kind.FLAG else tx.settings.epoch)(environment)
