"""A series of closes is one workflow: told to look where it runs, and started where it does not."""

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from adapters.temporal.answers import PATIENCE
from adapters.temporal.closures import MOST_EVENTS
from domain.closures.series import Series
from workflows import search
from workflows.closure_series import ClosureSeriesWorkflow, SeriesRequest
from workflows.period_messages import LOOK
from workflows.presets import TASK_TIMEOUT


async def carried_on(client: Client, task_queue: str, series: Series, requester: str) -> None:
    """In one call, so that no other can come between. One entity, or one period, of all its closes is filtered by."""
    entities, periods = ({getattr(each, name) for each in series.members} for name in ("entity", "period_code"))
    common = {
        search.ENTITY: next(iter(entities)) if len(entities) == 1 else "",
        search.PERIOD: next(iter(periods)) if len(periods) == 1 else "",
    }
    await client.start_workflow(
        ClosureSeriesWorkflow.run,
        SeriesRequest(series.tenant, series.id, MOST_EVENTS),
        id=series.workflow_id,
        task_queue=task_queue,
        start_signal=LOOK,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        static_summary=f"Series of {len(series.members)} closes",
        search_attributes=search.about(
            {
                search.TENANT: str(series.tenant),
                search.TARGET_KEY: f"closure-series/{series.id}",
                search.STATE: series.state.value,
                search.REQUESTER: requester,
                **{key: value for key, value in common.items() if value},
            }
        ),
        rpc_timeout=PATIENCE,
    )
