"""What an operator may ask of a rollout, and from where."""

from enum import StrEnum

from domain.gates import Verdict
from domain.rollouts.machine import EXPOSED, TERMINAL, WAITING, AlreadyTerminal, State
from domain.rollouts.rollout import GateNotPassed, NotRunning


class Verb(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    ROLLBACK = "rollback"
    WITHDRAW = "withdraw"
    RETRY = "retry"
    ACCEPT = "accept"
    FORCE = "force"
    START = "start"


_FROM = {
    Verb.PAUSE: {State.RUNNING},
    Verb.RESUME: {State.PAUSED},
    Verb.PROMOTE: {State.RUNNING, State.PAUSED},
    Verb.ABORT: set(State) - {State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE},
    Verb.ROLLBACK: {State.RUNNING, State.PAUSED, State.BAKING, State.ROLLBACK_INCOMPLETE},
    Verb.WITHDRAW: {State.AWAITING_APPROVAL, *WAITING},
    Verb.RETRY: {State.ROLLBACK_INCOMPLETE},
    Verb.ACCEPT: {State.ROLLBACK_INCOMPLETE},
    Verb.FORCE: {State.ROLLBACK_INCOMPLETE},
    Verb.START: {State.SCHEDULED},
}
_UNPROMOTABLE = {Verdict.FAIL, Verdict.NO_DATA, Verdict.PROVIDER_ERROR, None}


def check_control(verb: Verb, state: State, verdict: Verdict | None) -> None:
    """Raises AlreadyTerminal, NotRunning, or GateNotPassed for a promotion past a bad or blind gate."""
    if state in TERMINAL:
        raise AlreadyTerminal(state=state.value)
    if state not in _FROM[verb]:
        raise NotRunning(state=state.value, verb=verb.value)
    if verb is Verb.PROMOTE and verdict in _UNPROMOTABLE:
        raise GateNotPassed(verdict=verdict.value if verdict else None)


def goal(verb: Verb, state: State) -> State:
    """Where the act leads at once; aborting what nobody has seen cancels it, anything else goes back.

    What starts before its moment still waits for its turn.
    """
    if verb is Verb.PAUSE:
        return State.PAUSED
    if verb in {Verb.RESUME, Verb.PROMOTE}:
        return State.RUNNING
    if verb is Verb.WITHDRAW:
        return State.WITHDRAWN
    if verb is Verb.ACCEPT:
        return State.ROLLED_BACK
    if verb is Verb.START:
        return State.QUEUED
    return State.ROLLING_BACK if state in EXPOSED else State.CANCELLED


def cause_of(verb: Verb) -> str:
    """How the timeline names what an operator did."""
    return f"{verb.value}_by_operator"
