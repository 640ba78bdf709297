"""Which ring keeps the keys is for the settings to say: Vault where it is named, a folder otherwise."""

from pathlib import Path

from adapters.crypto.files import FileKeyRing
from adapters.settings import Settings
from application.ports.secrets import KeyRing


def folder_ring(keys: Path, named: Path | None = None, primary: str | None = None) -> FileKeyRing:
    """Beside the other keys of the installation, where it is not named."""
    return FileKeyRing(named or keys / "ring", primary)


def key_ring(settings: Settings) -> KeyRing:
    """Asks nobody yet: a ring that cannot be reached says so when it is used.

    Where Vault is named and a folder of keys as well, the folder's keys still open what they wrapped.
    """
    if settings.vault_url is None or settings.vault_token_file is None:
        return folder_ring(settings.keys, settings.key_folder, settings.key_primary)
    from adapters.crypto.vault import Transit, VaultTransitKeyRing

    vault = VaultTransitKeyRing(
        Transit(
            settings.vault_url,
            settings.vault_token_file,
            settings.vault_key,
            settings.vault_mount,
            settings.vault_namespace,
            settings.vault_server_ca,
        )
    )
    if settings.key_folder is None:
        return vault
    from adapters.crypto.combined import CombinedKeyRing

    return CombinedKeyRing(vault, folder_ring(settings.keys, settings.key_folder))
