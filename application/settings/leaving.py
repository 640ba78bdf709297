"""An environment is written out as it was at one instant, a few hundred things at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from application.periods.kept import bookkeeping
from application.ports.bundles import Leaving
from application.ports.signing import Signatures
from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.environments import Environment
from domain.errors import Conflict
from domain.people import Actor, Permission
from domain.settings import (
    MOST_FLAGS,
    MOST_VALUES,
    BundleWriter,
    EntryState,
    Line,
    Section,
    parse_setting_definition,
    travels,
)
from domain.settings.scopes import BEYOND

_MOST = {Section.VALUES: MOST_VALUES, Section.FLAGS: MOST_FLAGS}


class BundleTooLarge(Conflict):
    """More is stored here than one bundle holds."""

    kind = "bundle-too-large"


@dataclass(frozen=True)
class Exported:
    """What was written; `size` is in bytes."""

    tenant: str
    checksum: str
    at: datetime
    size: int
    counts: Mapping[str, int]


@dataclass
class _Page:
    """Bytes by the page; `hidden` are the settings whose values stay where they are."""

    writer: BundleWriter
    at: datetime
    hidden: set[str] = field(default_factory=set)

    def written(self, some: Sequence[Leaving]) -> bytes:
        return b"".join(self._item(each) for each in some)

    def _item(self, each: Leaving) -> bytes:
        if each.section is Section.DEFINITIONS:
            definition = parse_setting_definition(each.content)
            if not travels(definition):
                self.hidden.add(each.key)
            return self.writer.item(each.section, definition.to_json())
        if each.section is Section.FLAGS:
            return self.writer.item(each.section, {"key": each.key, "definition": each.content})
        if each.line is None:
            return self.writer.item(each.section, each.content)
        line = lasting(each.line, self.at)
        if line is None or each.key in self.hidden:
            return b""
        return self.writer.item(each.section, line.to_json())


class Exports:
    def __init__(self, store: Store, signatures: Signatures | None) -> None:
        self._store = store
        self._signatures = signatures

    async def export(self, actor: Actor, environment: Environment, out: BinaryIO) -> Exported:
        """Everything that is stored and may leave; the export is an event in the trail."""
        actor.require(Permission.SETTINGS_READ)
        actor.require(Permission.FEATURES_READ)
        actor.require(Permission.PERIODS_READ)
        home = await self._store.home(actor.tenant)
        async with self._store.transaction(actor.tenant) as tx:
            books = await bookkeeping(tx)
            page = _Page(BundleWriter(home.slug, environment, books), tx.now)
            size = 0
            async for some in tx.bundles.leaving(environment):
                size += out.write(await asyncio.to_thread(page.written, some))
                _check_size(page.writer)
            size += out.write(page.writer.end())
            checksum = page.writer.checksum
            signature = self._signatures.sign(checksum) if self._signatures else None
            size += out.write(page.writer.seal(tx.now, signature))
            counts = {section.name.lower(): page.writer.counts[section] for section in Section}
            counts |= {name: len(each) for name, each in books.sections().items()}
            await record(
                tx, Action.BUNDLE_EXPORTED, ("setting_bundle", environment.value), actor=actor,
                after={"tenant": home.slug, "environment": environment.value, "checksum": checksum, **counts},
            )  # fmt: skip
            return Exported(home.slug, checksum, tx.now, size, counts)


def lasting(line: Line, at: datetime) -> Line | None:
    """What it says from `at` on. One that only takes a value back says nothing: the scope inherits."""
    said = line.state is EntryState.SET or line.constraint is not None
    said = said and line.scope.text not in BEYOND  # it is said elsewhere
    return line.seen_at(at) if said else None


def _check_size(writer: BundleWriter) -> None:
    for section, most in _MOST.items():
        if writer.counts[section] > most:
            raise BundleTooLarge(section=section.name.lower(), most=most)
