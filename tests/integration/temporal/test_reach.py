"""A worker waits for a Temporal that is not there yet, and for no right that it was denied."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest
import structlog
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import worker
from adapters.embedded.stack import Stack
from adapters.settings import Settings
from adapters.temporal.client import connect


def settings(stack: Stack, namespace: str = "default") -> Settings:
    chosen: dict[str, Any] = {"temporal_address": stack.endpoints.temporal_address, "temporal_namespace": namespace}
    return Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1/none"), **chosen)


class TestReach:
    async def test_a_namespace_may_be_made_after_the_worker_was_started(self, stack: Stack) -> None:
        namespace = f"late-{secrets.token_hex(4)}"
        with structlog.testing.capture_logs() as logs:
            reaching = asyncio.create_task(worker.reach(settings(stack, namespace)))
            while not logs and not reaching.done():
                await asyncio.wait({reaching}, timeout=0.02)
        assert logs[0]["event"] == "temporal.not_yet"
        assert namespace in logs[0]["error"]
        retention = Duration()
        retention.FromTimedelta(timedelta(days=1))
        await (await connect(stack.endpoints.temporal_address)).workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
        )
        assert (await reaching).namespace == namespace

    @pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED])
    async def test_a_login_that_may_not_prepare_it_ends_with_a_sentence(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode
    ) -> None:
        """The embedded Temporal lets everybody do everything, so that what an authorizer answers is made here."""

        async def denied(_client: Client) -> None:
            raise RPCError("Request unauthorized", status, b"")

        monkeypatch.setattr(worker, "prepare", denied)
        with pytest.raises(SystemExit) as ended:
            await worker.reach(settings(stack))
        where = f"the namespace default at {stack.endpoints.temporal_address}"
        assert ended.value.code == f"Temporal does not let this login prepare {where}: Request unauthorized."
