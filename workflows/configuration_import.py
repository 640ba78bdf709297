"""A bundle is validated, planned, approved where policy asks, and takes effect as a whole or not at all."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.imports import ImportActivities, OfImport
    from application.ports.imports import ImportState
    from application.settings.importing import Stand
    from workflows import search
    from workflows.presets import LASTING, RECORD

HEARTBEAT = timedelta(seconds=10)
SOON, SELDOM = timedelta(seconds=2), timedelta(minutes=1)
"""How often the change is looked at that an import waits for: soon after it was submitted, and more seldom later."""
WORK: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=30),
    "schedule_to_close_timeout": timedelta(hours=6),
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=30)),
}
"""A step over the whole bundle; a worker that dies in it is missed after a few beats."""


@dataclass(frozen=True)
class ImportRequest:
    """Ids only: the bundle and what was asked for stay in the database."""

    tenant: UUID
    record: UUID


@dataclass(frozen=True)
class ImportResult:
    state: ImportState
    change: UUID | None = None


@dataclass(frozen=True)
class ImportStatus:
    """`phase` is what it does now."""

    phase: str
    state: ImportState
    change: UUID | None = None


@workflow.defn(name="ConfigurationImportWorkflow")
class ConfigurationImportWorkflow:
    @workflow.init
    def __init__(self, request: ImportRequest) -> None:
        self._wish = OfImport(request.tenant, request.record)
        self._phase = "waiting"
        self._stand = Stand(ImportState.RUNNING)

    @workflow.run
    async def run(self, request: ImportRequest) -> ImportResult:
        try:
            await self._carry_out(request)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_up("cancelled"))
            raise
        except ActivityError as error:
            if is_cancelled_exception(error):
                await asyncio.shield(self._give_up("cancelled"))
                raise
            await self._give_up("step-failed")
        await self._finish()
        return ImportResult(self._stand.state, self._stand.change)

    async def _carry_out(self, request: ImportRequest) -> None:
        if await self._step("validating", ImportActivities.validate):
            return
        if await self._step("planning", ImportActivities.plan):
            return
        if await self._step("applying", ImportActivities.apply):
            return
        pause = SOON
        while self._stand.state is ImportState.AWAITING_APPROVAL:
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(request)
            await workflow.sleep(pause, summary="waits for its change")
            pause = min(pause * 1.5, SELDOM)
            self._show("awaiting approval", await self._looked())

    async def _step(self, phase: str, step: Any) -> bool:
        """Whether it has ended with it."""
        self._show(phase, self._stand)
        stand = await workflow.execute_activity_method(step, self._wish, summary=phase, **WORK)
        self._show(phase, stand)
        return self._stand.state.ended

    async def _looked(self) -> Stand:
        return await workflow.execute_activity_method(ImportActivities.standing, self._wish, **LASTING)

    async def _give_up(self, cause: str) -> None:
        """What was applied by then stays applied, and the database says so."""
        wish = replace(self._wish, cause=cause)
        self._show(cause, await workflow.execute_activity_method(ImportActivities.give_up, wish, **LASTING))

    async def _finish(self) -> None:
        await workflow.execute_activity_method(ImportActivities.finish, self._wish, summary="tidy up", **RECORD)
        self._show("ended", self._stand)

    def _show(self, phase: str, stand: Stand) -> None:
        self._phase, self._stand = phase, stand
        search.show(stand.state.value, None, f"**{stand.state.value}**: {phase}")

    @workflow.query(name="status")
    def status(self) -> ImportStatus:
        return ImportStatus(self._phase, self._stand.state, self._stand.change)
