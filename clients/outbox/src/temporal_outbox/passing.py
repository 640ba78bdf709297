"""A message becomes one call to Temporal, which counts once however often it is made."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias
from uuid import NAMESPACE_OID, uuid5

from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy
from temporalio.api.workflowservice.v1 import (
    SignalWithStartWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.service import RPCError

from temporal_outbox.messages import Message, Signal, Start, key_of
from temporal_outbox.relay import Away

More: TypeAlias = Callable[[Start], Mapping[str, Any]]
"""What else `Client.start_workflow` is told, such as search attributes or a priority."""
_PATIENCE: Final = timedelta(seconds=10)


class Passing:
    def __init__(self, client: Client, more: More | None = None) -> None:
        """`more` is asked for each `Start`; what starts by a signal takes nothing of it."""
        self._client = client
        self._more = more

    async def reach(self) -> None:
        """Raises Away unless Temporal serves."""
        try:
            healthy = await self._client.service_client.check_health(timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError, OSError) as error:
            raise Away(f"Temporal: {error}") from error
        if not healthy:
            raise Away("Temporal does not serve")

    async def __call__(self, message: Message) -> None:
        """Raises what Temporal answers, or what an argument cannot be converted for."""
        if isinstance(message, Start):
            await self._start(message)
        elif message.start is None:
            await self._signal(message)
        else:
            await self._signal_with_start(message, message.start)

    async def _start(self, message: Start) -> None:
        said: dict[str, Any] = {
            "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
            "execution_timeout": message.execution_timeout,
            "run_timeout": message.run_timeout,
            "task_timeout": message.task_timeout,
            "memo": message.memo,
            "static_summary": message.summary,
            "rpc_timeout": _PATIENCE,
        }
        said |= self._more(message) if self._more else {}
        await self._client.start_workflow(
            message.workflow, args=list(message.args), id=message.id, task_queue=message.task_queue, **said
        )

    async def _signal(self, message: Signal) -> None:
        """Under a request id of its own, by which Temporal knows it again: the client would make a new one."""
        converter = self._converter(message.workflow_id)
        request = SignalWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=message.workflow_id),
            signal_name=message.signal,
            input=Payloads(payloads=await converter.encode(message.args)),
            identity=self._client.identity,
            request_id=_request(message),
        )
        await self._client.workflow_service.signal_workflow_execution(request, retry=True, timeout=_PATIENCE)

    async def _signal_with_start(self, message: Signal, start: Start) -> None:
        converter = self._converter(message.workflow_id)
        request = SignalWithStartWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_id=message.workflow_id,
            input=Payloads(payloads=await converter.encode(start.args)),
            signal_name=message.signal,
            signal_input=Payloads(payloads=await converter.encode(message.args)),
            identity=self._client.identity,
            request_id=_request(message),
            workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
            workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
        )
        request.workflow_type.name = start.workflow
        request.task_queue.name = start.task_queue
        for field, span in (
            (request.workflow_execution_timeout, start.execution_timeout),
            (request.workflow_run_timeout, start.run_timeout),
            (request.workflow_task_timeout, start.task_timeout),
        ):
            if span is not None:
                field.FromTimedelta(span)
        for name, value in (start.memo or {}).items():
            request.memo.fields[name].CopyFrom((await converter.encode([value]))[0])
        if start.summary is not None:
            request.user_metadata.summary.CopyFrom((await converter.encode([start.summary]))[0])
        await self._client.workflow_service.signal_with_start_workflow_execution(request, retry=True, timeout=_PATIENCE)

    def _converter(self, workflow_id: str) -> DataConverter:
        return self._client.data_converter.with_context(
            WorkflowSerializationContext(namespace=self._client.namespace, workflow_id=workflow_id)
        )


def _request(message: Message) -> str:
    return str(uuid5(NAMESPACE_OID, key_of(message)))
