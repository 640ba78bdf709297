"""One way to reach Temporal, with one data converter, so that API, worker and replays cannot diverge."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from adapters.temporal.course import CourseInterceptor
from adapters.temporal.line import Line
from domain.errors import Unavailable
from workflows import search

TASK_QUEUE = "governance"
RETENTION = timedelta(days=90)

_KINDS = {
    search.APPLY_AT.name: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    search.STAGE.name: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    search.CHANGE.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}


class TemporalUnavailable(Unavailable):
    """Temporal does not answer; try again in a moment."""

    kind = "temporal-unavailable"


ClientSource = Callable[[], Awaitable[Client]]


def always(client: Client) -> ClientSource:
    """The client that is there already."""

    async def there() -> Client:
        return client

    return there


def when_asked(line: Line) -> ClientSource:
    """A client that is made at the first call, and connects then: the API serves flags while Temporal is away."""
    made: list[Client] = []

    async def reached() -> Client:
        if not made:
            made.append(await connect(line, lazy=True))
        return made[0]

    return reached


async def connect(to: Line | str, *, lazy: bool = False) -> Client:
    """A client with our converter and interceptors; `lazy` connects at the first call.

    `host:port` is a line without TLS to the default namespace.
    """
    line = Line(to) if isinstance(to, str) else to
    interceptors: list[Interceptor] = [CourseInterceptor()]
    return await Client.connect(
        line.address,
        namespace=line.namespace,
        tls=line.tls,
        api_key=line.api_key,
        data_converter=pydantic_data_converter,
        interceptors=interceptors,
        lazy=lazy,
    )


async def prepare(client: Client) -> None:
    """Retention and search attributes are as we need them; whoever finds them so needs no right to write.

    Looked at in every start, because an existing namespace ignores launch flags.
    """
    await _name_attributes(client)
    await _keep(client)


async def _name_attributes(client: Client) -> None:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = {
        key.name: _KINDS.get(key.name, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
        for key in search.ALL
        if key.name not in known.custom_attributes
    }
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )


async def _keep(client: Client) -> None:
    ttl = Duration()
    ttl.FromTimedelta(RETENTION)
    known = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    if known.config.workflow_execution_retention_ttl == ttl:
        return
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=ttl))
    )


async def ping(client: Client) -> None:
    """Raises TemporalUnavailable unless the frontend serves."""
    try:
        healthy = await client.service_client.check_health(timeout=timedelta(seconds=2))
    except (RPCError, RuntimeError, OSError) as error:
        raise TemporalUnavailable from error
    if not healthy:
        raise TemporalUnavailable


async def polled(client: Client, task_queue: str = TASK_QUEUE) -> bool:
    """Whether some worker waits for work: a process that lives and does not poll is no worker."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request)).pollers)
    except RPCError:
        return False
