"""Every use case of configs, over those of settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from application.configs.choosing import Catalogue
from application.configs.comparing import Comparisons
from application.configs.promoting import Promotions
from application.configs.reading import ConfigReads
from application.configs.writing import ConfigWrites
from application.ports.store import Store
from application.settings.cases import SettingCases
from application.settings.snapshots import SettingSnapshots
from application.tenancy import TenantTree


@dataclass(frozen=True)
class ConfigCases:
    reads: ConfigReads
    writes: ConfigWrites
    promotions: Promotions
    comparisons: Comparisons
    active: Callable[[], Mapping[str, int]]
    """How many there are in each environment, of all that this process holds."""

    @classmethod
    def over(cls, store: Store, setting: SettingCases, snapshots: SettingSnapshots | None = None) -> Self:
        catalogue = Catalogue(store, snapshots)
        return cls(
            ConfigReads(store, catalogue, setting.reads, setting.versions),
            ConfigWrites(store, setting),
            Promotions(store, setting.writes),
            Comparisons(store, catalogue, TenantTree(store)),
            catalogue.active,
        )
