"""Whoever runs the servers rotates the keys of secrets at the terminal."""

from pathlib import Path

import pytest

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.crypto.vault import Transit, VaultTransitKeyRing
from adapters.postgres.store import PostgresStore
from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Place, Secret
from domain.environments import Environment
from tests.conftest import House
from tests.contract.vault import TOKEN, TransitServer
from tests.e2e.terminal import changegate


@pytest.mark.req("ST80")
class TestSecrets:
    async def test_are_counted_and_rotated(
        self, tmp_path: Path, database_url: str, store: PostgresStore, house: House
    ) -> None:
        folder = tmp_path / "ring"
        sealer = EnvelopeSealer(FileKeyRing(folder))
        aad = Place(house.id, Environment.DEV, "pay.token", "", 1).aad()
        body, wrapped = sealer.parted(await sealer.seal(Secret("a secret"), aad))
        async with store.transaction(house.id) as tx:
            await tx.sealed_keys.add(SealedKey(sealer.named(body), wrapped))
        here = {"CHANGEGATE_DATABASE_URL": database_url, "CHANGEGATE_KEY_FOLDER": str(folder)}

        async def told(*words: str) -> tuple[int, str]:
            async with changegate(tmp_path / "none", "secrets", *words, **here) as command:
                return await command.ended(), command.text

        code, words = await told("new-key")
        assert (code, words.split()[0]) == (0, "0002")
        code, words = await told("rotate", "--dry-run")
        assert (code, "would be wrapped anew" in words) == (0, True)
        _, words = await told("rotate", "--reason", "a key was lost")
        assert "wrapped anew under 0002" in words
        code, words = await told("keys")
        lines = {line.split()[0]: line for line in words.splitlines()}
        assert (code, "primary" in lines["0002"]) == (0, True)
        async with store.transaction(house.id) as tx:
            key = await tx.sealed_keys.get(sealer.named(body))
        assert key is not None
        assert (key.wrapped.kek, (await sealer.open(sealer.joined(body, key.wrapped), aad)).reveal()) == (
            "0002",
            "a secret",
        )

    async def test_move_from_a_folder_to_vault(
        self, tmp_path: Path, database_url: str, store: PostgresStore, house: House
    ) -> None:
        folder, token = tmp_path / "ring", tmp_path / "token"
        token.write_text(TOKEN)
        sealer = EnvelopeSealer(FileKeyRing(folder))
        aad = Place(house.id, Environment.DEV, "pay.token", "", 1).aad()
        body, wrapped = sealer.parted(await sealer.seal(Secret("a secret"), aad))
        async with store.transaction(house.id) as tx:
            await tx.sealed_keys.add(SealedKey(sealer.named(body), wrapped))
        with TransitServer() as vault:
            here = {
                "CHANGEGATE_DATABASE_URL": database_url, "CHANGEGATE_KEY_FOLDER": str(folder),
                "CHANGEGATE_VAULT_URL": vault.url, "CHANGEGATE_VAULT_TOKEN_FILE": str(token),
            }  # fmt: skip
            async with changegate(tmp_path / "none", "secrets", "rotate", **here) as command:
                await command.ended()
                assert "wrapped anew under changegate-v1" in command.text
            async with changegate(tmp_path / "none", "secrets", "new-key", **here) as command:
                assert await command.ended() == 1
                assert "vault write -f" in command.text
            async with store.transaction(house.id) as tx:
                key = await tx.sealed_keys.get(sealer.named(body))
            assert key is not None
            ring = VaultTransitKeyRing(Transit(vault.url, token, "changegate"))
            opened = await EnvelopeSealer(ring).open(sealer.joined(body, key.wrapped), aad)
            ring.close()
        assert (key.wrapped.kek, opened.reveal()) == ("changegate-v1", "a secret")

    async def test_without_keys_it_is_a_sentence(self, tmp_path: Path, database_url: str) -> None:
        (tmp_path / "ring").write_text("a file where the folder is")
        here = {"CHANGEGATE_DATABASE_URL": database_url, "CHANGEGATE_KEY_FOLDER": str(tmp_path / "ring")}
        async with changegate(tmp_path / "none", "secrets", "rotate", **here) as command:
            assert await command.ended() == 1
            assert "The keys that protect secrets cannot be reached" in command.text
