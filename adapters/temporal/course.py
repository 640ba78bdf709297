"""The trace of a request follows it into workflows and activities, and each activity knows its workflow."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Interceptor as ClientInterceptor,
)
from temporalio.client import (
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.converter import PayloadConverter
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.worker import (
    Interceptor as WorkerInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from application.course import Course, enter, present

HEADER = "changegate-trace"
_CONVERTER = PayloadConverter.default

log = structlog.get_logger()


def _with_trace(headers: Mapping[str, Payload], trace: str | None) -> Mapping[str, Payload]:
    return {**headers, HEADER: _CONVERTER.to_payload(trace)} if trace else headers


def _trace_in(headers: Mapping[str, Payload]) -> str | None:
    """What is no trace is no trace: a stranger's header stops nothing."""
    payload = headers.get(HEADER)
    try:
        trace = _CONVERTER.from_payload(payload, str) if payload is not None else None
    except Exception:  # noqa: BLE001 -- bytes of a stranger fail in any way that they like
        return None
    return trace if isinstance(trace, str) and trace.isascii() else None


class CourseInterceptor(ClientInterceptor, WorkerInterceptor):
    """Given to the client; a worker on that client inherits it."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 -- the SDK's name
        return _Outgoing(next)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _InActivity(next)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 -- the SDK's name
    ) -> type[WorkflowInboundInterceptor]:
        return _InWorkflow


class _Outgoing(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
        input.headers = _with_trace(input.headers, present().trace_id)
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002
        input.headers = _with_trace(input.headers, present().trace_id)
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:  # noqa: A002
        input.headers = _with_trace(input.headers, present().trace_id)
        return await super().start_workflow_update(input)


class _InActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        course = Course(_trace_in(input.headers), info.workflow_id, info.workflow_run_id)
        enter(course)
        with structlog.contextvars.bound_contextvars(
            trace_id=course.trace_id, workflow_id=course.workflow_id, activity=info.activity_type
        ):
            began = time.perf_counter()
            outcome = await super().execute_activity(input)
            log.info("activity.done", attempt=info.attempt, ms=round((time.perf_counter() - began) * 1000, 1))
            return outcome


class _InWorkflow(WorkflowInboundInterceptor):
    """The trace of the start, or of the update or signal that a handler answers, goes on with what it starts."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_FromWorkflow(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002
        enter(replace(present(), trace_id=_trace_in(input.headers)))
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002
        enter(replace(present(), trace_id=_trace_in(input.headers)))
        await super().handle_signal(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002
        enter(replace(present(), trace_id=_trace_in(input.headers)))
        return await super().handle_update_handler(input)


class _FromWorkflow(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        input.headers = _with_trace(input.headers, present().trace_id)
        return super().start_activity(input)

    async def start_child_workflow(
        self,
        input: StartChildWorkflowInput,  # noqa: A002
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        input.headers = _with_trace(input.headers, present().trace_id)
        return await super().start_child_workflow(input)
