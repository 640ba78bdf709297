"""A namespace that is as we need it is only looked at, so that a login without the right to change it may start."""

import secrets
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.temporal.client import RETENTION, connect, prepare
from adapters.temporal.line import Line
from workflows import search

READS = ["list_search_attributes", "describe_namespace"]


def lasting(days: int) -> Duration:
    ttl = Duration()
    ttl.FromTimedelta(timedelta(days=days))
    return ttl


@pytest.fixture
async def client(stack: Stack) -> Client:
    """In a namespace that somebody just made: other retention, none of our search attributes."""
    namespace = f"prepared-{secrets.token_hex(4)}"
    there = await connect(stack.endpoints.temporal_address)
    await there.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=lasting(1))
    )
    return await connect(Line(stack.endpoints.temporal_address, namespace))


@pytest.fixture
def calls(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every call, which goes on to the real server."""
    names: list[str] = []
    going_on = client.service_client._rpc_call

    async def noted(rpc: str, *rest: Any, **more: Any) -> Any:
        names.append(rpc)
        return await going_on(rpc, *rest, **more)

    monkeypatch.setattr(client.service_client, "_rpc_call", noted)
    return names


async def kept(client: Client) -> timedelta:
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    ttl: timedelta = described.config.workflow_execution_retention_ttl.ToTimedelta()
    return ttl


async def named(client: Client) -> set[str]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return set(listed.custom_attributes)


async def settled(client: Client) -> None:
    """The frontend remembers a namespace for a moment longer than it is true."""
    while not {key.name for key in search.ALL} <= await named(client):
        pass


class TestPrepare:
    async def test_the_second_writes_nothing(self, client: Client, calls: list[str]) -> None:
        await prepare(client)
        assert set(calls) == {*READS, "add_search_attributes", "update_namespace"}
        await settled(client)
        calls.clear()
        await prepare(client)
        assert calls == READS
        assert await kept(client) == RETENTION

    async def test_only_what_differs_is_written(self, client: Client, calls: list[str]) -> None:
        await prepare(client)
        await settled(client)
        changed = UpdateNamespaceRequest(namespace=client.namespace)
        changed.config.workflow_execution_retention_ttl.CopyFrom(lasting(3))
        await client.workflow_service.update_namespace(changed)
        calls.clear()
        await prepare(client)
        assert calls == [*READS, "update_namespace"]
        assert await kept(client) == RETENTION
