"""What stands at the tenant itself, read by key: what is in force there, and the version that a write is over."""

from collections.abc import Collection
from dataclasses import dataclass

from application.configs.naming import ROOT, ConfigName
from application.ports.settings import StoredEntry
from application.ports.store import Transaction
from domain.environments import Environment
from domain.people import Actor
from domain.settings import Definition, Entry, EntryState, parse_setting_definition


@dataclass(frozen=True)
class Config:
    """A value in force; `latest` is the newest version, which may be planned or cancelled."""

    name: ConfigName
    definition: Definition
    stored: StoredEntry
    latest: int


@dataclass(frozen=True)
class Shelf:
    """Of some keys of one environment: what their definitions are, what is in force, and the newest versions."""

    environment: Environment
    definitions: dict[str, Definition]
    present: dict[str, StoredEntry]
    latest: dict[str, int]

    def entry(self, key: str) -> Entry | None:
        stored = self.present.get(key)
        return None if stored is None else stored.entry

    def config(self, key: str) -> Config | None:
        """None where no value is set."""
        stored = self.present.get(key)
        if stored is None or stored.entry.state is not EntryState.SET:
            return None
        return Config(ConfigName(self.environment, key), self.definitions[key], stored, self.latest[key])


async def shelf_of(tx: Transaction, environment: Environment, keys: Collection[str]) -> Shelf:
    definitions = await tx.settings.definitions_of(keys)
    latest = await tx.settings.latest(environment, keys, [ROOT.text])  # first: whoever writes over it has seen it
    entries = await tx.settings.entries(environment, keys, [ROOT.text], tx.now)
    return Shelf(
        environment,
        {key: parse_setting_definition(each.definition) for key, each in definitions.items()},
        {each.key: each for each in entries if each.entry.covers(tx.now)},
        {key: version for (key, _), version in latest.items()},
    )


async def repeated(tx: Transaction, actor: Actor) -> bool:
    """Whether this very request wrote values, or proposed them, before."""
    if actor.request is None:
        return False
    return bool(await tx.settings.written(actor.request)) or await tx.changes.get(actor.request) is not None
