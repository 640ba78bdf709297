"""Whoever runs the servers admits the first people, and the trail says so."""

import secrets
from pathlib import Path

import pytest

from adapters.identity.issuer import ISSUER
from adapters.postgres.store import PostgresStore
from application.ports.records import AuditFilter, Tenant
from domain.environments import Environment
from domain.people import Principal, Role
from tests.e2e.terminal import changegate

PROVIDER = "https://id.example.com"


@pytest.fixture
def slug() -> str:
    return f"t-{secrets.token_hex(6)}"


async def admit(folder: Path, database_url: str, *words: str) -> tuple[int, str]:
    async with changegate(folder, "admit", *words, CHANGEGATE_DATABASE_URL=database_url) as command:
        return await command.ended(), command.text


async def known(store: PostgresStore, slug: str, handle: str) -> tuple[Tenant, Principal]:
    tenant = await store.tenant(slug)
    assert tenant is not None
    async with store.transaction(tenant.id) as tx:
        person = await tx.people.principal(handle)
    assert person is not None
    return tenant, person


class TestExternalDatabase:
    async def test_the_first_admin_is_known_by_issuer_and_subject(
        self, tmp_path: Path, database_url: str, store: PostgresStore, slug: str
    ) -> None:
        identity = ["--issuer", PROVIDER, "--subject", f"{slug}|42"]
        code, words = await admit(tmp_path / "none", database_url, slug, "root", "--role", "Admin", *identity)
        assert (code, words) == (0, f"root of {slug} is Admin; {PROVIDER} knows them as {slug}|42.\n")
        tenant, root = await known(store, slug, "root")
        assert root.roles == {Role.ADMIN}
        assert await store.memberships(PROVIDER, f"{slug}|42") == [(tenant, root.id)]
        async with store.transaction(tenant.id) as tx:
            events = {row.event["action"]: row.event for row in await tx.audit.page(AuditFilter(), None, 10)}
            assert await tx.flags.revision(Environment.PRODUCTION) == 0
        assert events.keys() == {"tenant:record:created", "principal:record:admitted"}
        assert events["principal:record:admitted"]["after"] == {
            "handle": "root", "kind": "human", "roles": ["Admin"], "issuer": PROVIDER, "subject": f"{slug}|42",
        }  # fmt: skip
        assert not (tmp_path / "none").exists()

    async def test_without_more_words_the_embedded_issuer_knows_the_handle(
        self, tmp_path: Path, database_url: str, store: PostgresStore, slug: str
    ) -> None:
        assert (await admit(tmp_path, database_url, slug, "shop", "--role", "ConfigManager", "--service"))[0] == 0
        _, shop = await known(store, slug, "shop")
        assert (shop.issuer, shop.subject) == (ISSUER, "shop")

    async def test_who_is_there_already_stays_as_they_are_and_is_shown(
        self, tmp_path: Path, database_url: str, store: PostgresStore, slug: str
    ) -> None:
        await admit(tmp_path, database_url, slug, "eve", "--role", "Viewer")
        code, words = await admit(tmp_path, database_url, slug, "eve", "--role", "Admin", "--issuer", PROVIDER)
        assert (code, words) == (0, f"eve of {slug} is Viewer; {ISSUER} knows them as eve.\n")
        assert (await known(store, slug, "eve"))[1].roles == {Role.VIEWER}

    async def test_one_login_is_one_person(self, tmp_path: Path, database_url: str, slug: str) -> None:
        await admit(tmp_path, database_url, slug, "eve", "--role", "Viewer", "--subject", "42")
        code, words = await admit(tmp_path, database_url, slug, "eva", "--role", "Viewer", "--subject", "42")
        assert code == 1
        assert "Traceback" not in words
