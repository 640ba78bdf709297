"""Which ring keeps the keys is for the settings to say: Vault where it is named, a folder otherwise."""

from adapters.crypto.files import FileKeyRing
from adapters.settings import Settings
from application.ports.secrets import KeyRing


def key_ring(settings: Settings) -> KeyRing:
    """Asks nobody yet: a ring that cannot be reached says so when it is used."""
    if settings.vault_url is None or settings.vault_token_file is None:
        return FileKeyRing(settings.key_folder or settings.keys / "ring", settings.key_primary)
    from adapters.crypto.vault import Transit, VaultTransitKeyRing

    return VaultTransitKeyRing(
        Transit(
            settings.vault_url,
            settings.vault_token_file,
            settings.vault_key,
            settings.vault_mount,
            settings.vault_namespace,
            settings.vault_server_ca,
        )
    )
