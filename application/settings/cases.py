"""Every use case of settings, over one store."""

from dataclasses import dataclass
from typing import Self

from application.ports.store import Store
from application.settings.definitions import SettingDefinitions
from application.settings.reading import SettingReads
from application.settings.rulebook import Rules
from application.settings.writing import SettingWrites
from application.submission import Submission


@dataclass(frozen=True)
class SettingCases:
    definitions: SettingDefinitions
    rules: Rules
    reads: SettingReads
    writes: SettingWrites

    @classmethod
    def over(cls, store: Store, submission: Submission) -> Self:
        writes = SettingWrites(store, submission)
        return cls(SettingDefinitions(store), Rules(store), SettingReads(store), writes)
