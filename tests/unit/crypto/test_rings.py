from pathlib import Path

import pytest

from adapters.crypto import key_ring
from adapters.crypto.files import FileKeyRing
from adapters.crypto.vault import VaultTransitKeyRing
from adapters.settings import Settings


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("CHANGEGATE_DATABASE_URL", "postgresql://nowhere")
    monkeypatch.setenv("CHANGEGATE_KEYS", str(tmp_path / "keys"))
    return monkeypatch


class TestKeyRing:
    async def test_without_a_word_the_keys_lie_beside_the_others(self, tmp_path: Path) -> None:
        ring = key_ring(Settings.read())
        assert isinstance(ring, FileKeyRing)
        assert await ring.primary() == "0001"
        assert (tmp_path / "keys" / "ring" / "0001.key").is_file()

    async def test_folder_and_primary_can_be_named(self, surroundings: pytest.MonkeyPatch, tmp_path: Path) -> None:
        surroundings.setenv("CHANGEGATE_KEY_FOLDER", str(tmp_path / "elsewhere"))
        surroundings.setenv("CHANGEGATE_KEY_PRIMARY", "0001")
        for _ in range(2):
            await FileKeyRing(tmp_path / "elsewhere").grow()
        assert (await key_ring(Settings.read()).wrap(b"k" * 32)).kek == "0001"

    def test_vault_is_asked_where_it_is_named(self, surroundings: pytest.MonkeyPatch, tmp_path: Path) -> None:
        surroundings.setenv("CHANGEGATE_VAULT_URL", "https://vault.example.com:8200")
        surroundings.setenv("CHANGEGATE_VAULT_TOKEN_FILE", str(tmp_path / "token"))
        surroundings.setenv("CHANGEGATE_VAULT_MOUNT", "teams/transit")
        ring = key_ring(Settings.read())
        assert isinstance(ring, VaultTransitKeyRing)
        ring.close()

    @pytest.mark.parametrize(
        ("variables", "sentence"),
        [
            ({"URL": "https://vault.example.com"}, "CHANGEGATE_VAULT_URL needs CHANGEGATE_VAULT_TOKEN_FILE."),
            (
                {"URL": "http://vault.example.com", "TOKEN_FILE": "token"},
                "CHANGEGATE_VAULT_URL begins with https://, or with http:// within one machine.",
            ),
            (
                {"URL": "http://127.0.0.1.example.com", "TOKEN_FILE": "token"},
                "CHANGEGATE_VAULT_URL begins with https://, or with http:// within one machine.",
            ),
            (
                {"URL": "vault.example.com:8200", "TOKEN_FILE": "token"},
                "CHANGEGATE_VAULT_URL begins with https://, or with http:// within one machine.",
            ),
            ({"KEY": "a/b"}, "CHANGEGATE_VAULT_KEY is of no use: "),
            ({"MOUNT": "/"}, "CHANGEGATE_VAULT_MOUNT is of no use: "),
        ],
    )
    def test_what_is_of_no_use_is_said_at_the_start(
        self, surroundings: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
    ) -> None:
        for name, value in variables.items():
            surroundings.setenv(f"CHANGEGATE_VAULT_{name}", value)
        with pytest.raises(SystemExit) as end:
            Settings.read()
        assert str(end.value).startswith(sentence)

    def test_vault_within_one_machine_may_be_plain(self, surroundings: pytest.MonkeyPatch) -> None:
        surroundings.setenv("CHANGEGATE_VAULT_TOKEN_FILE", "token")
        for host in ("127.0.0.1", "[::1]", "localhost"):
            surroundings.setenv("CHANGEGATE_VAULT_URL", f"http://{host}:8200")
            assert Settings.read().vault_url == f"http://{host}:8200"
