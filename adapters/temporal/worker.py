"""A worker runs the workflows and their effects, and drains what it has begun before it goes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.approvals import ApprovalActivities
from activities.imports import ImportActivities
from activities.rollouts import RolloutActivities
from adapters.temporal.client import TASK_QUEUE
from workflows.approval import ApprovalWorkflow
from workflows.bulk_retry import BulkRetryWorkflow
from workflows.closure_series import ClosureSeriesWorkflow
from workflows.command_repair import CommandRepairWorkflow
from workflows.configuration_import import ConfigurationImportWorkflow
from workflows.period_closure import PeriodClosureWorkflow
from workflows.period_reopening import PeriodReopenWorkflow
from workflows.rollout import FeatureRolloutWorkflow

WORKFLOWS = (
    ApprovalWorkflow,
    FeatureRolloutWorkflow,
    ConfigurationImportWorkflow,
    PeriodClosureWorkflow,
    PeriodReopenWorkflow,
    ClosureSeriesWorkflow,
    CommandRepairWorkflow,
    BulkRetryWorkflow,
)
ROOMS = ("domain", "application", "activities", "workflows", "adapters")
LIBRARIES = ("rfc8785", "structlog", "mmh3", "orjson", "jsonschema_rs", "cel")


def sandbox() -> SandboxedWorkflowRunner:
    """Our own rooms are passed through whole: class identity would differ otherwise, and loading costs CPU a start."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*ROOMS, *LIBRARIES)
    return SandboxedWorkflowRunner(restrictions=restrictions)


def build_worker(
    client: Client,
    approvals: ApprovalActivities,
    rollouts: RolloutActivities,
    task_queue: str = TASK_QUEUE,
    imports: ImportActivities | None = None,
    *,
    more: Sequence[object] = (),
) -> Worker:
    """Without the activities of imports it leaves these to other workers; `more` hold the rest of a rollout's."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=[method for group in (approvals, rollouts, imports, *more) for method in _activities(group)],
        workflow_runner=sandbox(),
        workflow_failure_exception_types=[ValidationError],
        max_cached_workflows=2000,
        max_concurrent_activities=100,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=20),
        max_heartbeat_throttle_interval=timedelta(seconds=5),
    )


def _activities(group: object) -> Sequence[Callable[..., Any]]:
    methods = (getattr(group, name) for name in dir(group) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
