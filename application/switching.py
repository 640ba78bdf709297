"""A blue-green deployment is switched to once its smoke tests have said yes, and not because somebody asks Temporal."""

from domain.gates import Verdict
from domain.rollouts import GateNotPassed, NotRunning, Rollout, State


def check_switch(rollout: Rollout) -> None:
    """GateNotPassed while they have not, NotRunning while a person is asked; of other strategies nothing is."""
    waits = rollout.plan.blue_green is not None and rollout.live_version == rollout.base_version
    if waits and rollout.state is not State.RUNNING:
        raise NotRunning(state=rollout.state.value, stage=rollout.stage)
    if waits and rollout.emergency is None and rollout.verdict is not Verdict.PASS:
        raise GateNotPassed(verdict=rollout.verdict.value if rollout.verdict else None, stage=rollout.stage)
