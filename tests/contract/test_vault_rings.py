"""Vault's side is `tests.contract.vault`: a real HTTP server with the answers of the transit API, not Vault itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.crypto.vault import Transit, VaultTransitKeyRing
from application.ports.secrets import KeysUnavailable, SealBroken, Secret
from tests.contract.rings import CANARY, KEY, PLACE, VaultWorld
from tests.contract.vault import TOKEN, Key


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[VaultWorld]:
    made = VaultWorld(tmp_path)
    yield made
    made.close()


class TestVault:
    async def test_neither_the_secret_nor_its_seal_reaches_vault(self, vault: VaultWorld) -> None:
        sealed = await vault.sealer.seal(Secret(CANARY), PLACE.aad())
        await vault.sealer.open(sealed, PLACE.aad())
        await vault.sealer.fingerprint(Secret(CANARY), PLACE.tenant)
        ciphertext = sealed.rpartition(".")[2]
        assert [path for path, body in vault.server.asked if CANARY in body or ciphertext in body] == []
        assert [path for path, _ in vault.server.asked] == [
            "/v1/transit/encrypt/changegate",
            "/v1/transit/decrypt/changegate",
            "/v1/transit/hmac/changegate-fingerprint",
        ]

    async def test_a_token_that_was_renewed_holds_at_once(self, vault: VaultWorld) -> None:
        vault.token.write_text("hvs.expired")
        with pytest.raises(KeysUnavailable) as refused:
            await vault.ring.wrap(KEY)
        assert refused.value.facts == {"reason": "forbidden"}
        vault.token.write_text(TOKEN)
        assert await vault.ring.unwrap(await vault.ring.wrap(KEY)) == KEY

    @pytest.mark.parametrize("content", [None, "", "\n", "two\nlines", "é"])
    async def test_a_token_file_of_no_use_is_not_a_broken_seal(self, vault: VaultWorld, content: str | None) -> None:
        wrapped = await vault.ring.wrap(KEY)
        vault.token.unlink() if content is None else vault.token.write_text(content, encoding="utf-8")
        with pytest.raises(KeysUnavailable) as refused:
            await vault.ring.unwrap(wrapped)
        assert "two" not in str(refused.value.facts)

    async def test_a_sealed_vault_is_unavailable(self, vault: VaultWorld) -> None:
        wrapped = await vault.ring.wrap(KEY)
        vault.server.sealed = True
        with pytest.raises(KeysUnavailable) as refused:
            await vault.ring.unwrap(wrapped)
        assert refused.value.facts == {"reason": "vault-down"}

    @pytest.mark.parametrize(
        "odd",
        [
            pytest.param((200, b"<html>"), id="a page"),
            pytest.param((200, b"[]"), id="a list"),
            pytest.param((200, b"{}"), id="nothing"),
            pytest.param((200, b'{"data": {"plaintext": "QQ==", "hmac": "vault:v1:QQ=="}}'), id="too short"),
            pytest.param((200, b'{"data": {"plaintext": "-", "hmac": null, "ciphertext": 7}}'), id="no base64"),
            pytest.param((200, b'{"data": {"ciphertext": "vault:v0:QQ==", "latest_version": "1"}}'), id="no version"),
            pytest.param((204, b""), id="empty"),
            pytest.param((307, b""), id="a redirect"),
            pytest.param((404, b'{"errors": []}'), id="another mount"),
            pytest.param((429, b'{"errors": ["too many"]}'), id="a quota"),
            pytest.param((500, b"{"), id="a broken error"),
            pytest.param((500, b"[]"), id="an error that is a list"),
        ],
    )
    async def test_an_answer_that_is_none_is_unavailable(self, vault: VaultWorld, odd: tuple[int, bytes]) -> None:
        wrapped = await vault.ring.wrap(KEY)
        vault.server.odd = odd
        for call in (
            vault.ring.primary(), vault.ring.wrap(KEY), vault.ring.unwrap(wrapped), vault.ring.fingerprint_key()
        ):  # fmt: skip
            with pytest.raises(KeysUnavailable):
                await call
        assert "/v1/elsewhere" not in {path for path, _ in vault.server.asked}

    async def test_a_version_that_policy_took_away_opens_nothing_more(self, vault: VaultWorld) -> None:
        sealed = await vault.sealer.seal(Secret(CANARY), PLACE.aad())
        await vault.rotate()
        vault.server.keys["changegate"].oldest = 2
        with pytest.raises(SealBroken):
            await vault.sealer.open(sealed, PLACE.aad())

    async def test_a_key_that_vault_does_not_have_wraps_nothing(self, vault: VaultWorld) -> None:
        ring = VaultTransitKeyRing(Transit(vault.server.url, vault.token, "other"))
        for call in (ring.primary(), ring.wrap(KEY), ring.fingerprint_key()):
            with pytest.raises(KeysUnavailable):
                await call
        vault.server.keys["other"] = Key()
        assert (await ring.wrap(KEY)).kek == "other-v1"
        ring.close()
