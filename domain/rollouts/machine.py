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
    """What a running stage is doing."""

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

EXPOSED = frozenset({State.RUNNING, State.PAUSED, State.BAKING, State.ROLLING_BACK, State.ROLLBACK_INCOMPLETE})
"""States in which somebody may be served the candidate."""

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
    State.SCHEDULED: frozenset(
        {State.QUEUED, State.EXPIRED, State.CANCELLED, State.WITHDRAWN, State.AWAITING_APPROVAL}
    ),
    State.QUEUED: frozenset({State.PREFLIGHT, State.EXPIRED, State.CANCELLED}),
    State.PREFLIGHT: frozenset({State.RUNNING, State.AWAITING_APPROVAL, State.INVALIDATED, State.CANCELLED}),
    State.RUNNING: frozenset({State.RUNNING, State.PAUSED, State.BAKING, State.ROLLING_BACK}),
    State.PAUSED: frozenset({State.RUNNING, State.BAKING, State.ROLLING_BACK}),
    State.BAKING: frozenset({State.SUCCEEDED, State.PAUSED, State.ROLLING_BACK}),
    State.ROLLING_BACK: frozenset({State.ROLLED_BACK, State.ROLLBACK_INCOMPLETE, State.SUPERSEDED}),
    State.ROLLBACK_INCOMPLETE: frozenset({State.ROLLING_BACK, State.ROLLED_BACK}),
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
