"""The second-level cache is shared and may be absent."""

import hmac
from datetime import timedelta
from typing import Final

from adapters.cache.guard import PATIENCE
from adapters.cache.settings import ValkeySettings
from adapters.cache.valkey import ValkeySnapshots
from adapters.settings import Settings

UNHURRIED: Final = 2.0
"""Seconds for one answer where nobody waits for it."""


def flag_cache(settings: Settings) -> ValkeySnapshots | None:
    """None where no cache is configured."""
    return None if settings.valkey_url is None else ValkeySnapshots(settings.valkey_url.get_secret_value())


def setting_cache(settings: Settings, secret: bytes, patience: float = PATIENCE) -> ValkeySettings | None:
    """Sealed with what every process of the installation can derive from `secret`, and nobody else."""
    if settings.valkey_url is None:
        return None
    sealing = hmac.digest(secret, b"the second-level cache of settings", "sha256")
    ttl = timedelta(seconds=settings.cache_ttl)
    return ValkeySettings(settings.valkey_url.get_secret_value(), sealing, ttl, patience)
