"""What Temporal answers is judged by whom it is about: the message, every message, or nobody."""

import pytest
from temporal_outbox.verdicts import Verdict, judged
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

Code = RPCStatusCode


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (WorkflowAlreadyStartedError("w", "W"), Verdict.THERE),
        (RPCError("too large", Code.INVALID_ARGUMENT, b""), Verdict.NEVER),
        (RPCError("no such workflow", Code.NOT_FOUND, b""), Verdict.NEVER),
        (TypeError("not JSON"), Verdict.NEVER),
        (RPCError("away", Code.UNAVAILABLE, b""), Verdict.AWAY),
        (RPCError("who are you", Code.UNAUTHENTICATED, b""), Verdict.AWAY),
        (ConnectionRefusedError(), Verdict.AWAY),
        (RPCError("busy workflow", Code.RESOURCE_EXHAUSTED, b""), Verdict.LATER),
        (RPCError("late", Code.DEADLINE_EXCEEDED, b""), Verdict.LATER),
        (RPCError("oh", Code.INTERNAL, b""), Verdict.LATER),
    ],
)
def test_an_error_means(error: Exception, verdict: Verdict) -> None:
    assert judged(error) is verdict
