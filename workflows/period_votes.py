"""The vote on a close or a reopening is a child of its process; whichever is ended from outside, the vote goes on."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import (
    CancelledError,
    ChildWorkflowError,
    TerminatedError,
    TimeoutError,  # noqa: A004 -- Temporal's own, which a child ends with
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from application.asked import Asked
    from workflows.approval import ApprovalRequest, ApprovalWorkflow
    from workflows.presets import TASK_TIMEOUT

_A_MOMENT, _LONGEST = timedelta(seconds=1), timedelta(minutes=1)


async def vote_begun(tenant: UUID, asked: Asked) -> workflow.ChildWorkflowHandle[Any, Any]:
    """What a process that was lost had begun ends first: whoever lost its parent has been asked to."""
    pause = _A_MOMENT
    while True:
        try:
            return await _begun(tenant, asked)
        except WorkflowAlreadyStartedError:
            await workflow.sleep(pause)
            pause = min(2 * pause, _LONGEST)


def ended_from_outside(error: ChildWorkflowError) -> bool:
    """Terminated, cancelled or timed out: the database may still wait for votes."""
    return isinstance(error.cause, (TerminatedError, CancelledError, TimeoutError))


async def _begun(tenant: UUID, asked: Asked) -> workflow.ChildWorkflowHandle[Any, Any]:
    """One that is begun again has the deadline of the first."""
    return await workflow.start_child_workflow(
        ApprovalWorkflow.run,
        ApprovalRequest(
            tenant, asked.approval, asked.digest, asked.authors, asked.policy, asked.title, asked.opened_at
        ),
        id=f"approval/{asked.approval}",
        parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        task_timeout=TASK_TIMEOUT,
        static_summary=f"Approval of {asked.title}",
        search_attributes=workflow.info().typed_search_attributes,
    )
