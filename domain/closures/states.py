"""The states of a close, the ways between them, and what people may do in each; everything else is refused."""

from enum import StrEnum

from domain.closures.refusals import RunOver, WrongRunState


class Mode(StrEnum):
    """A soft close still lets adjustments in; the close of a year also posts its closing entries."""

    SOFT = "soft"
    HARD = "hard"
    YEAR_END = "year_end"


class RunState(StrEnum):
    INITIATED = "INITIATED"
    PRECHECK = "PRECHECK"
    FREEZING = "FREEZING"
    TASKS = "TASKS"
    VALIDATING = "VALIDATING"
    REMEDIATING = "REMEDIATING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    CLOSING = "CLOSING"
    NOTIFYING = "NOTIFYING"
    CLOSED = "CLOSED"
    ABORTED = "ABORTED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    FAILED_OPERATOR = "FAILED_OPERATOR"


class Act(StrEnum):
    """What a person does in a run."""

    COMPLETE_TASK = "complete_task"
    SIGN_OFF = "sign_off"
    REJECT_TASK = "reject_task"
    ATTACH_EVIDENCE = "attach_evidence"
    WAIVE_TASK = "waive_task"
    WAIVE_CHECK = "waive_check"
    ACKNOWLEDGE_CHECK = "acknowledge_check"
    REVALIDATE = "revalidate"
    EXTEND_DEADLINE = "extend_deadline"
    ABORT = "abort"


UNDONE = frozenset({RunState.ABORTED, RunState.REJECTED, RunState.TIMED_OUT, RunState.FAILED_OPERATOR})
"""It ended, and its gates are as they were before it."""
COMMITTED = frozenset({RunState.NOTIFYING, RunState.CLOSED})
"""Its gates are closed for good: no way leads back, only reopening."""
OVER = UNDONE | {RunState.CLOSED}
FROZEN = frozenset(
    {RunState.FREEZING, RunState.TASKS, RunState.VALIDATING, RunState.REMEDIATING, RunState.AWAITING_APPROVAL}
)
"""Its gates are held back: whatever is posted now moves what was looked at."""

_GIVEN_UP = frozenset({RunState.ABORTED, RunState.TIMED_OUT, RunState.FAILED_OPERATOR})

WAYS: dict[RunState, frozenset[RunState]] = {
    RunState.INITIATED: frozenset({RunState.PRECHECK}) | _GIVEN_UP,
    RunState.PRECHECK: frozenset({RunState.FREEZING}) | _GIVEN_UP,
    RunState.FREEZING: frozenset({RunState.TASKS}) | _GIVEN_UP,
    RunState.TASKS: frozenset({RunState.VALIDATING}) | _GIVEN_UP,
    RunState.VALIDATING: frozenset({RunState.REMEDIATING, RunState.AWAITING_APPROVAL, RunState.TASKS}) | _GIVEN_UP,
    RunState.REMEDIATING: frozenset({RunState.VALIDATING, RunState.TASKS}) | _GIVEN_UP,
    RunState.AWAITING_APPROVAL: frozenset({RunState.CLOSING, RunState.VALIDATING, RunState.TASKS, RunState.REJECTED})
    | _GIVEN_UP,
    RunState.CLOSING: frozenset({RunState.NOTIFYING, RunState.VALIDATING, RunState.TASKS, RunState.FAILED_OPERATOR}),
    RunState.NOTIFYING: frozenset({RunState.CLOSED}),
    **dict.fromkeys(OVER, frozenset[RunState]()),
}

_AT_WORK = frozenset(
    {Act.COMPLETE_TASK, Act.SIGN_OFF, Act.REJECT_TASK, Act.ATTACH_EVIDENCE, Act.WAIVE_TASK, Act.EXTEND_DEADLINE}
)
_ON_CHECKS = frozenset({Act.WAIVE_CHECK, Act.ACKNOWLEDGE_CHECK, Act.REVALIDATE})
_ENDING = frozenset({Act.ABORT})

ACTS: dict[RunState, frozenset[Act]] = {
    RunState.INITIATED: _ENDING,
    RunState.PRECHECK: _ENDING,
    RunState.FREEZING: _ENDING | {Act.EXTEND_DEADLINE},
    RunState.TASKS: _ENDING | _AT_WORK,
    RunState.VALIDATING: _ENDING,
    RunState.REMEDIATING: _ENDING | _AT_WORK | _ON_CHECKS,
    RunState.AWAITING_APPROVAL: _ENDING | {Act.EXTEND_DEADLINE},
}
"""What is voted on does not change under the voters: who wants it otherwise aborts or rejects the close."""


def check_way(before: RunState, after: RunState) -> None:
    """Raises RunOver, WrongRunState."""
    if before in OVER:
        raise RunOver(state=before.value)
    if after not in WAYS[before]:
        raise WrongRunState(state=before.value, wanted=after.value)


def check_act(state: RunState, act: Act) -> None:
    """Raises RunOver, WrongRunState."""
    if state in OVER | COMMITTED:
        raise RunOver(state=state.value)
    allowed = ACTS.get(state, frozenset())
    if act not in allowed:
        raise WrongRunState(state=state.value, act=act.value, allowed=sorted(allowed))
