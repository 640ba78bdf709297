"""What an order did, would do, or waits for."""

from dataclasses import dataclass

from application.ports.settings import StoredEntry
from application.settings.wishes import Affected
from application.submission import Submitted
from domain.changes import Reach


@dataclass(frozen=True)
class Outcome:
    """`epoch` is that of the environment after the write, or the present one where nothing was written yet.

    `submitted` is the change that waits for approval. `reach` is how far it goes, where policy looks at that or a dry
    run asked, and `levels` how many levels of approval that needs.
    """

    entries: tuple[StoredEntry, ...]
    affected: tuple[Affected, ...]
    epoch: int
    submitted: Submitted | None = None
    reach: Reach | None = None
    levels: int = 0
