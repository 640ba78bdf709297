"""Another person's answer is a child of the process that needs it; ended from outside, it is asked for again."""

from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from application.asked import Asked
    from domain.approvals import Standing
    from workflows.approval import ApprovalResult
    from workflows.period_votes import ended_from_outside, vote_begun


async def answer_of(tenant: UUID, asked: Asked) -> Standing | None:
    """How the request ended; None when its process was ended from outside: look at the database, and ask again."""
    vote = await vote_begun(tenant, asked)
    try:
        result: ApprovalResult = await vote
    except ChildWorkflowError as error:
        if workflow.cancellation_reason() is None and ended_from_outside(error):
            return None
        raise
    return result.standing
