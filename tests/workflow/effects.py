"""What a worker of the stage does besides the steps of rollouts: going back, looking around, and smoke tests."""

from collections.abc import Callable
from datetime import datetime

from activities.converging import ConvergingActivities
from activities.restoring import RestoringActivities
from activities.smoking import SmokeActivities
from adapters.egress.client import EgressClient
from application.convergence import Converging
from application.ports.identity import Assertions
from application.ports.store import Store
from application.previewing import Previewing
from application.restoring import Restoring
from application.smoking import Smoking


def effects(store: Store, assertions: Assertions, time: Callable[[], datetime]) -> list[object]:
    patient = EgressClient(allow_loopback=True, total_seconds=3600)
    smoking = Smoking(store, patient, Previewing(store, assertions, time))
    return [
        RestoringActivities(Restoring(store)),
        ConvergingActivities(Converging(store)),
        SmokeActivities(smoking),
    ]
