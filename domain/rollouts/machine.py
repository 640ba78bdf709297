"""The states of a rollout and the ways between them; every other way is refused."""

from enum import StrEnum

from domain.errors import Conflict


class State(StrEnum):
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    INVALIDATED = "INVALIDATED"
    SCHEDULED = "SCHEDULED"
    BLOCKED = "BLOCKED"
    QUEUED = "QUEUED"
    PREFLIGHT = "PREFLIGHT"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BAKING = "BAKING"
    ROLLING_BACK = "ROLLING_BACK"
    SUCCEEDED = "SUCCEEDED"
    ROLLED_BACK = "ROLLED_BACK"
    ROLLBACK_INCOMPLETE = "ROLLBACK_INCOMPLETE"
    CANCELLED = "CANCELLED"
    SUPERSEDED = "SUPERSEDED"


class Phase(StrEnum):
    """What a running stage is doing; a blue-green deployment prepares and tests what nobody is served yet."""

    PREPARING = "PREPARING"
    TESTING = "TESTING"
    APPLYING = "APPLYING"
    CONVERGING = "CONVERGING"
    SOAKING = "SOAKING"
    EVALUATING = "EVALUATING"


TERMINAL = frozenset(
    {
        State.REJECTED,
        State.EXPIRED,
        State.WITHDRAWN,
        State.INVALIDATED,
        State.SUCCEEDED,
        State.ROLLED_BACK,
        State.CANCELLED,
        State.SUPERSEDED,
    }
)

WAITING = frozenset({State.SCHEDULED, State.BLOCKED, State.QUEUED})
"""What is approved and may not start yet: for its moment, for a freeze to end, or for its turn."""

TO_START = WAITING | {State.AWAITING_APPROVAL}
"""What has not started, approved or not."""

EXPOSED = frozenset({State.RUNNING, State.PAUSED, State.BAKING, State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE})
"""States in which somebody may be served the candidate."""

_UNSTARTED = frozenset(
    {
        State.AWAITING_APPROVAL,
        State.EXPIRED,
        State.WITHDRAWN,
        State.INVALIDATED,
        State.CANCELLED,
        State.SUPERSEDED,
    }
)
_UNSERVED = frozenset({State.CANCELLED, State.SUPERSEDED})
"""Another has taken over what it serves, or what it prepared was never served."""

WAYS: dict[State, frozenset[State]] = {
    State.AWAITING_APPROVAL: frozenset(
        {
            State.SCHEDULED,
            State.REJECTED,
            State.EXPIRED,
            State.WITHDRAWN,
            State.INVALIDATED,
            State.CANCELLED,
            State.SUPERSEDED,
        }
    ),
    State.SCHEDULED: frozenset({State.BLOCKED, State.QUEUED, *_UNSTARTED}),
    State.BLOCKED: frozenset({State.SCHEDULED, State.QUEUED, *_UNSTARTED}),
    State.QUEUED: frozenset({State.SCHEDULED, State.BLOCKED, State.PREFLIGHT, *_UNSTARTED}),
    State.PREFLIGHT: frozenset({State.RUNNING, State.AWAITING_APPROVAL, State.INVALIDATED, State.CANCELLED}),
    State.RUNNING: frozenset({State.RUNNING, State.PAUSED, State.BAKING, State.ROLLING_BACK, *_UNSERVED}),
    State.PAUSED: frozenset({State.RUNNING, State.PAUSED, State.BAKING, State.ROLLING_BACK, *_UNSERVED}),
    State.BAKING: frozenset({State.SUCCEEDED, State.PAUSED, State.ROLLING_BACK, State.SUPERSEDED}),
    State.ROLLING_BACK: frozenset({State.ROLLED_BACK, State.ROLLBACK_INCOMPLETE, State.SUPERSEDED, State.CANCELLED}),
    State.ROLLBACK_INCOMPLETE: frozenset({State.ROLLING_BACK, State.ROLLED_BACK, State.SUPERSEDED}),
}


class AlreadyTerminal(Conflict):
    """This rollout has ended."""

    kind = "already-terminal"


class TransitionRefused(Conflict):
    """A rollout cannot go this way from where it stands."""

    kind = "transition-refused"


def check_transition(from_state: State, to_state: State) -> None:
    if from_state in TERMINAL:
        raise AlreadyTerminal(state=from_state.value)
    if to_state not in WAYS[from_state]:
        raise TransitionRefused(state=from_state.value, wanted=to_state.value)
