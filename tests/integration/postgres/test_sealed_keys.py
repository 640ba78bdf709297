"""Seals of the version before carry their wrapped key; the schema keeps that key where rotation finds it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from adapters.crypto import EnvelopeSealer, folder_ring
from adapters.crypto.envelope import Envelope
from adapters.postgres.store import PostgresStore
from application.ports.secrets import Place, Secret
from application.ports.settings import StoredDefinition, StoredEntry
from application.settings.rotation import Rotation
from application.settings.sealing import Sealing
from domain.environments import Environment
from domain.settings import Entry, EntryState, Scope, Sealed
from tests.conftest import House

DEV = Environment.DEV
KEY = "pay.token"
ROOT = Scope("")


async def write(store: PostgresStore, house: House, value: Any, kind: str = "secret") -> None:
    async with store.transaction(house.id) as tx:
        await tx.settings.put_definition(
            StoredDefinition(KEY, 1, {"key": KEY, "type": kind}, None, tx.now, uuid4()), expected=0
        )
        at = await tx.settings.lock(DEV)
        entry = Entry(1, EntryState.SET, value, False, None, at, None, None, at, None, "because")
        await tx.settings.put(StoredEntry(DEV, KEY, "", entry, "api"))


async def older(store: PostgresStore, house: House, sealer: EnvelopeSealer, kind: str = "secret") -> str:
    """A secret as the version before would write it."""
    text = await sealer.seal(Secret("from before"), Place(house.id, DEV, KEY, "", 1).aad())
    await write(store, house, Sealed(text, "0" * 16, 1).to_json(), kind)
    return text


@pytest.mark.req("ST80")
class TestASealOfTheVersionBefore:
    async def test_is_rotated_as_every_other(self, store: PostgresStore, house: House, tmp_path: Path) -> None:
        ring = folder_ring(tmp_path)
        sealer = EnvelopeSealer(ring)
        text = await older(store, house, sealer)
        async with store.transaction(house.id) as tx:
            adopted = await tx.sealed_keys.get(sealer.named(text))
        assert adopted is not None
        assert adopted.wrapped == Envelope.parse(text).wrapped
        made = await ring.grow()
        await Rotation(store, ring).rotate("because")
        async with store.transaction(house.id) as tx:
            turned = await tx.sealed_keys.get(sealer.named(text))
            (stored,) = await tx.settings.history(DEV, KEY, "", 9, 9)
        assert turned is not None
        assert turned.wrapped.kek == made
        (tmp_path / "ring" / "0001.key").unlink()
        plain = await Sealing(store, sealer).plain(house.ada, DEV, KEY, ROOT, stored.entry.value)
        assert plain == "from before"

    async def test_is_nothing_but_a_value_where_no_secret_is_defined(
        self, store: PostgresStore, house: House, tmp_path: Path
    ) -> None:
        sealer = EnvelopeSealer(folder_ring(tmp_path))
        text = await older(store, house, sealer, "json")
        async with store.transaction(house.id) as tx:
            assert await tx.sealed_keys.get(sealer.named(text)) is None


class TestTheTable:
    async def test_lets_the_product_neither_remove_nor_rename(self, line: asyncpg.Connection, house: House) -> None:
        for words in ("DELETE FROM sealed_key", "UPDATE sealed_key SET seal = seal", "TRUNCATE sealed_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(words)
