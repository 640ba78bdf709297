"""What was synced last, the file and the server are compared, and it is told who moved."""

import asyncio
import json
from dataclasses import dataclass
from uuid import UUID

from application.ports.bundles import Sync
from application.ports.store import Store
from application.settings.stored import contents
from application.settings.transfer import SettingTransfer
from application.settings.uploads import said_in
from domain.canonical import Json
from domain.environments import Environment
from domain.people import Actor, Permission
from domain.settings import Bundle, Contents, Drift, drifts, parse_bundle, timelines


@dataclass(frozen=True)
class Drifted:
    """`base` is None where nothing was ever synced: then the comparison begins with nothing."""

    base: Sync | None
    drifts: tuple[Drift, ...]


class Syncs:
    def __init__(self, store: Store, transfer: SettingTransfer) -> None:
        self._store = store
        self._transfer = transfer

    async def drift(self, actor: Actor, environment: Environment, raw: Json, from_tenant: str | None = None) -> Drifted:
        """Reads only; raises Invalid for what is no bundle of this tenant."""
        actor.require(Permission.SETTINGS_READ)
        actor.require(Permission.FEATURES_READ)
        desired = await self._transfer.read(actor, raw, from_tenant)
        async with self._store.transaction(actor.tenant) as tx:
            base = await tx.bundles.synced(environment)
            stored = await contents(tx, environment, tx.now)
            at = tx.now
        was = await asyncio.to_thread(_bundle_of, base) if base else None

        def seen(bundle: Bundle | None) -> Contents:
            if bundle is None:
                return Contents()
            definitions = {each.key: each for each in bundle.definitions}
            return Contents(definitions, timelines(bundle.lines, at), bundle.flags)

        return Drifted(base, await asyncio.to_thread(drifts, seen(was), seen(desired), stored))

    async def uploaded(self, actor: Actor, upload: UUID) -> Json:
        """What was sent before, where it is too large for one request."""
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await said_in(tx, upload)


def _bundle_of(sync: Sync) -> Bundle:
    return parse_bundle({**json.loads(sync.content), "checksum": sync.checksum})
