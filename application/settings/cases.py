"""Every use case of settings, over one store."""

from dataclasses import dataclass
from typing import Self

from application.ports.secrets import Sealer
from application.ports.signing import Signatures
from application.ports.store import Store
from application.settings.asking import SettingQuestions
from application.settings.definitions import SettingDefinitions
from application.settings.governing import SettingMeanings
from application.settings.reading import SettingReads
from application.settings.rulebook import Rules
from application.settings.sealing import Sealing
from application.settings.snapshots import SettingSnapshots
from application.settings.transfer import SettingTransfer
from application.settings.versions import SettingVersions
from application.settings.writing import SettingWrites
from application.submission import Submission


@dataclass(frozen=True)
class SettingCases:
    definitions: SettingDefinitions
    rules: Rules
    reads: SettingReads
    writes: SettingWrites
    transfer: SettingTransfer
    sealing: Sealing
    versions: SettingVersions
    meanings: SettingMeanings
    questions: SettingQuestions

    @classmethod
    def over(
        cls,
        store: Store,
        submission: Submission,
        sealer: Sealer,
        snapshots: SettingSnapshots | None = None,
        signatures: Signatures | None = None,
    ) -> Self:
        """Without snapshots every answer is the database's; without signatures bundles have none."""
        sealing = Sealing(store, sealer)
        writes = SettingWrites(store, submission, sealing, snapshots)
        versions = SettingVersions(store, writes, sealing)
        definitions, rules = SettingDefinitions(store, snapshots), Rules(store)
        return cls(
            definitions,
            rules,
            SettingReads(store, snapshots),
            writes,
            SettingTransfer(store, writes, signatures),
            sealing,
            versions,
            SettingMeanings(submission, definitions, rules),
            SettingQuestions(store),
        )
