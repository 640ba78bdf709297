"""Seals of the version before carry their wrapped key; the schema keeps that key where rotation finds it."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from adapters.crypto import EnvelopeSealer, folder_ring
from adapters.crypto.envelope import Envelope
from adapters.embedded.stack import Stack
from adapters.postgres.schema import migrate
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


@pytest.fixture
async def earlier(stack: Stack) -> AsyncIterator[str]:
    """A database of the revision before."""
    whole = stack.endpoints.database_superuser_url
    name = f"earlier_{secrets.token_hex(4)}"
    server = await asyncpg.connect(whole)
    await server.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(whole)._replace(path=f"/{name}"))
    await migrate(url, "0009")
    yield url
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.mark.req("ST80")
async def test_what_is_stored_already_is_found_by_rotation(earlier: str, tmp_path: Path) -> None:
    tenant, sealer = uuid4(), EnvelopeSealer(folder_ring(tmp_path))
    text = await sealer.seal(Secret("from before"), Place(tenant, DEV, KEY, "", 1).aad())
    line = await asyncpg.connect(earlier)
    try:
        await line.execute("INSERT INTO tenant (tenant_id, slug, name) VALUES ($1, 'acme', 'Acme')", tenant)
        await line.execute("INSERT INTO setting_space (tenant_id, environment) VALUES ($1, 'dev')", tenant)
        await line.execute(
            "INSERT INTO setting_definition (tenant_id, key, version, definition) VALUES ($1, $2, 1, $3)",
            tenant, KEY, json.dumps({"key": KEY, "type": "secret"}),
        )  # fmt: skip
        await line.execute(
            "INSERT INTO setting_entry (tenant_id, environment, key, scope, version, state, value, enforced,"
            " since, valid, origin, reason) VALUES"
            " ($1, 'dev', $2, '', 1, 'set', $3, false, now(), tstzrange(now(), NULL), 'api', 'because')",
            tenant, KEY, json.dumps(Sealed(text, "0" * 16, 1).to_json()),
        )  # fmt: skip
        await migrate(earlier)
        (row,) = await line.fetch("SELECT * FROM sealed_key")
        forced = await line.fetch("SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
    finally:
        await line.close()
    assert (row["tenant_id"], row["seal"], row["kek"]) == (tenant, sealer.named(text), "0001")
    assert row["wrapped"] == Envelope.parse(text).wrapped.key
    assert forced == []


class TestTheTable:
    async def test_lets_the_product_neither_remove_nor_rename(self, line: asyncpg.Connection, house: House) -> None:
        for words in ("DELETE FROM sealed_key", "UPDATE sealed_key SET seal = seal", "TRUNCATE sealed_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(words)
