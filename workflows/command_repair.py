"""A decision about a command waits for another person's answer, and is made or comes to nothing by it."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.command_repairs import CommandRepairActivities, LettingGo
    from application.commands.repairing import RepairStand, RepairStep
    from domain.commands.operations import Standing
    from workflows import search
    from workflows.presets import LASTING
    from workflows.second_person import answer_of
    from workflows.way_back import unstoppable


@dataclass(frozen=True)
class RepairRequest:
    tenant: UUID
    operation: UUID


@dataclass(frozen=True)
class RepairResult:
    standing: Standing
    why: str


@workflow.defn(name="CommandRepairWorkflow")
class CommandRepairWorkflow:
    @workflow.init
    def __init__(self, request: RepairRequest) -> None:
        self._step = RepairStep(request.tenant, request.operation)
        self._stand = RepairStand(request.operation, Standing.AWAITING_APPROVAL)

    @workflow.run
    async def run(self, request: RepairRequest) -> RepairResult:
        del request
        try:
            await self._do(CommandRepairActivities.stand, "look")
            while not self._stand.over:
                await self._ask()
        except (asyncio.CancelledError, FailureError) as error:
            await unstoppable(self._let_go(error))
            if workflow.cancellation_reason() is not None:
                raise
        return RepairResult(self._stand.standing, self._stand.why)

    @workflow.query(name="status")
    def status(self) -> RepairStand:
        return self._stand

    async def _ask(self) -> None:
        asked = self._stand.asked
        if asked is None:
            raise ApplicationError("a decision awaits an approval that nobody asked for", non_retryable=True)
        search.show(self._stand.standing.value, None, f"**{asked.title}** waits for another person")
        await answer_of(self._step.tenant, asked)
        await self._do(CommandRepairActivities.answer, "do what the answer says")

    async def _do(self, effect: Any, what: str) -> None:
        self._stand = await workflow.execute_activity_method(effect, self._step, summary=what, **LASTING)
        if self._stand.over:
            why = f": {self._stand.why.replace('_', ' ')}" if self._stand.why else ""
            search.show(self._stand.standing.value, None, f"{self._stand.standing.value}{why}")

    async def _let_go(self, error: BaseException) -> None:
        """Cancelled from outside, or a step was refused: its command is free again."""
        why = "workflow_cancelled" if workflow.cancellation_reason() is not None else _cause_of(error)
        wish = LettingGo(self._step, why)
        self._stand = await workflow.execute_activity_method(
            CommandRepairActivities.let_go, wish, summary=f"let go: {why}", **LASTING
        )


def _cause_of(error: BaseException) -> str:
    if isinstance(error, ActivityError) and isinstance(error.cause, ApplicationError):
        return (error.cause.type or "step_failed").replace("-", "_")
    return "approval_ended_abnormally"
