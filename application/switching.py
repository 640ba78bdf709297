"""A blue-green deployment is switched to once its smoke tests have said yes, and not because somebody asks Temporal."""

from domain.gates import Verdict
from domain.rollouts import GateNotPassed, Rollout


def check_switch(rollout: Rollout) -> None:
    """GateNotPassed while they have not; of other strategies nothing is asked."""
    waits = rollout.plan.blue_green is not None and rollout.live_version == rollout.base_version
    if waits and rollout.emergency is None and rollout.verdict is not Verdict.PASS:
        raise GateNotPassed(verdict=rollout.verdict.value if rollout.verdict else None, stage=rollout.stage)
