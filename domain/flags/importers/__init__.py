"""What another tool exported becomes definitions here, with a report that says of each flag how true it stayed."""

from enum import StrEnum

from domain.flags.flagd import FlagdDocument
from domain.flags.importers.growthbook import from_growthbook
from domain.flags.importers.growthbook_document import GrowthBookExport
from domain.flags.importers.launchdarkly import from_launchdarkly
from domain.flags.importers.launchdarkly_document import LaunchDarklyExport
from domain.flags.importers.reports import Fidelity, FlagReport, Translation
from domain.flags.importers.unleash import from_unleash
from domain.flags.importers.unleash_document import UnleashExport
from domain.flags.limits import pointer

__all__ = [
    "Fidelity",
    "FlagReport",
    "GrowthBookExport",
    "LaunchDarklyExport",
    "Tool",
    "Translation",
    "UnleashExport",
    "from_flagd",
    "from_growthbook",
    "from_launchdarkly",
    "from_unleash",
]


class Tool(StrEnum):
    """Where a document of flags comes from."""

    FLAGD = "flagd"
    UNLEASH = "unleash"
    LAUNCHDARKLY = "launchdarkly"
    GROWTHBOOK = "growthbook"


def from_flagd(document: FlagdDocument) -> Translation:
    """Everything as it is; the metadata of the set goes to its flags."""
    flags = document.merged
    reports = (FlagReport(key, Fidelity.EXACT, (), pointer("/flags", key)) for key in flags)
    return Translation(flags, document.evaluators, tuple(reports), bucketing=document.metadata.get("bucketing"))
