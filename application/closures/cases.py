"""Everything that is done with closes, over one store."""

from dataclasses import dataclass
from typing import Self

from application.closures.announcing import Announcing
from application.closures.closing import Closing
from application.closures.compensating import Compensating
from application.closures.evidence import EvidenceKeeping
from application.closures.freezing import Freezing
from application.closures.looking import Looking
from application.closures.measuring import Measuring
from application.closures.prechecking import Prechecking
from application.closures.proving import Proving
from application.closures.releasing import Releasing
from application.closures.starting import Starting
from application.closures.tasks import Tasks
from application.closures.templates import Templates
from application.closures.validating import Validating
from application.ports.holidays import PublicHolidays
from application.ports.identity import ActVerifier
from application.ports.processes import Processes
from application.ports.store import Store


@dataclass(frozen=True)
class ClosureCases:
    """Each is its own."""

    starting: Starting
    prechecking: Prechecking
    freezing: Freezing
    tasks: Tasks
    validating: Validating
    closing: Closing
    compensating: Compensating
    looking: Looking
    templates: Templates
    evidence: EvidenceKeeping
    measuring: Measuring
    proving: Proving
    releasing: Releasing
    announcing: Announcing

    @classmethod
    def over(cls, store: Store, processes: Processes, verifier: ActVerifier, holidays: PublicHolidays) -> Self:
        return cls(
            Starting(store, processes, holidays),
            Prechecking(store),
            Freezing(store),
            Tasks(store, verifier),
            Validating(store),
            Closing(store),
            Compensating(store),
            Looking(store),
            Templates(store),
            EvidenceKeeping(store),
            Measuring(store, holidays),
            Proving(store),
            Releasing(store),
            Announcing(store, processes),
        )
