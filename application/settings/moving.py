"""Every use case of what comes in and goes out as a whole."""

from dataclasses import dataclass
from typing import Self

from application.ports.processes import Processes
from application.ports.secrets import Sealer
from application.ports.signing import Signatures
from application.ports.store import Store
from application.settings.cases import SettingCases
from application.settings.importing import Importing
from application.settings.imports import Imports
from application.settings.syncing import Syncs
from application.settings.transfer import SettingTransfer
from application.settings.uploads import Uploads
from application.submission import Submission


@dataclass(frozen=True)
class BundleCases:
    uploads: Uploads
    imports: Imports
    syncs: Syncs

    @classmethod
    def over(cls, store: Store, processes: Processes, transfer: SettingTransfer) -> Self:
        return cls(Uploads(store), Imports(store, processes), Syncs(store, transfer))


def importing(store: Store, processes: Processes, sealer: Sealer, signatures: Signatures | None = None) -> Importing:
    """For the process that carries imports out."""
    cases = SettingCases.over(store, Submission(store, processes), sealer, signatures=signatures)
    return Importing(store, cases.transfer)
