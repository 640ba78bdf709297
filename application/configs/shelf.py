"""What stands at the tenant itself, read by key: what is in force there, and the version that a write is over."""

from collections.abc import Collection, Sequence
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
    """Of some keys of one environment: what is in force, and the newest versions."""

    environment: Environment
    keys: tuple[str, ...]
    present: dict[str, StoredEntry]
    latest: dict[str, int]

    def entry(self, key: str) -> Entry | None:
        stored = self.present.get(key)
        return None if stored is None else stored.entry

    def value(self, key: str) -> StoredEntry | None:
        """None where no value is set."""
        stored = self.present.get(key)
        return None if stored is None or stored.entry.state is not EntryState.SET else stored


async def shelf_of(tx: Transaction, environment: Environment, keys: Collection[str]) -> Shelf:
    latest = await tx.settings.latest(environment, keys, [ROOT.text])  # first: whoever writes over it has seen it
    entries = await tx.settings.entries(environment, keys, [ROOT.text], tx.now)
    return Shelf(
        environment,
        tuple(sorted(keys)),
        {each.key: each for each in entries if each.entry.covers(tx.now)},
        {key: version for (key, _), version in latest.items()},
    )


async def configs_of(tx: Transaction, environment: Environment, keys: Sequence[str]) -> list[Config]:
    """Of these keys, in their order, those that have a value."""
    shelf = await shelf_of(tx, environment, keys)
    definitions = await tx.settings.definitions_of(keys)
    return [
        Config(
            ConfigName(environment, key), parse_setting_definition(definitions[key].definition), stored,
            shelf.latest[key],
        )
        for key in keys
        if (stored := shelf.value(key)) is not None
    ]  # fmt: skip


async def repeated(tx: Transaction, actor: Actor) -> bool:
    """Whether this very request wrote values, or proposed them, before."""
    if actor.request is None:
        return False
    return bool(await tx.settings.written(actor.request)) or await tx.changes.get(actor.request) is not None
