"""The real servers run from wheels on one folder, keep what they acknowledged, and come back when they die."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from temporalio.client import Client

from adapters.embedded import stack as stacks
from adapters.embedded.errors import AlreadyRunning, PortTaken, ServerDidNotStart
from adapters.embedded.probes import http_answers
from adapters.embedded.prometheus import Scrape, find_prometheus
from adapters.embedded.stack import Options, Stack

Until = Callable[[Callable[[], object]], Awaitable[None]]

FAST = Options(durable=False, time_skipping=True)


async def asked(stack: Stack, sql: str) -> object:
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def begin_workflow(stack: Stack, name: str) -> None:
    client = await Client.connect(stack.endpoints.temporal_address)
    await client.start_workflow("Anything", id=name, task_queue="nobody-listens")


async def workflow_runs(stack: Stack, name: str) -> bool:
    client = await Client.connect(stack.endpoints.temporal_address)
    return (await client.get_workflow_handle(name).describe()).id == name


async def kill(stack: Stack, name: str, until: Until) -> None:
    """SIGKILL the child, and wait until it is back and ready."""
    child = stack.children[name]
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: child.restarts == 1)


class TestStack:
    async def test_every_server_answers(self, tmp_path: Path) -> None:
        async with Stack(tmp_path / "new" / "folder", FAST) as stack:
            assert str(await asked(stack, "SELECT version()")).startswith("PostgreSQL 18")
            extensions = "SELECT count(*) FROM pg_available_extensions WHERE name IN ('btree_gist', 'pg_trgm')"
            assert await asked(stack, extensions) == 2
            assert await http_answers(int(stack.endpoints.temporal_ui_url.split(":")[2].split("/")[0]), "/temporal/")
            cache = redis.asyncio.Redis.from_url(str(stack.endpoints.valkey_url))
            assert (await cache.config_get("maxmemory-policy"))["maxmemory-policy"] == "allkeys-lru"
            await cache.aclose()

    async def test_what_was_written_is_there_after_stop_and_start_at_the_same_addresses(self, tmp_path: Path) -> None:
        async with Stack(tmp_path) as stack:
            await asked(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
            await begin_workflow(stack, "kept")
            first = stack.endpoints
        async with Stack(tmp_path) as stack:
            assert stack.endpoints == first
            assert await asked(stack, "SELECT answer FROM kept") == 42
            assert await workflow_runs(stack, "kept")

    async def test_secrets_are_closed_and_on_no_command_line(self, tmp_path: Path) -> None:
        async with Stack(tmp_path, FAST) as stack:
            secrets = [path for path in (tmp_path / "secrets").iterdir() if path.stat().st_mode & 0o777 == 0o600]
            assert sorted(path.name for path in secrets) == ["postgres", "valkey"]
            lines = [" ".join(child.program.argv) for child in stack.children.values()]
            assert not any(path.read_text() in line for path in secrets for line in lines)
            assert "scram-sha-256" in str(
                await asked(stack, "SELECT string_agg(auth_method, ' ') FROM pg_hba_file_rules")
            )
            assert stack.endpoints.database_superuser_url not in repr(stack.endpoints)

    async def test_everything_else_works_without_valkey(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stacks, "find_valkey", lambda: None)
        async with Stack(tmp_path, FAST) as stack:
            assert stack.endpoints.valkey_url is None
            assert await asked(stack, "SELECT 1") == 1

    async def test_prometheus_scrapes_its_targets_where_the_machine_has_one(self, tmp_path: Path) -> None:
        async with Stack(tmp_path, FAST) as stack:
            target = stack.endpoints.temporal_metrics_url.removeprefix("http://").removesuffix("/metrics")
            url = await stack.watch([Scrape("temporal", target, labels={"room": "embedded"})])
            assert (url is None) == (find_prometheus() is None)
            assert url is None or await scraped(url, 'up{job="temporal",room="embedded"}==1')


async def scraped(url: str, expression: str) -> bool:
    import httpx2

    async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
        while True:
            answer = (await client.get(f"{url}/api/v1/query", params={"query": expression})).json()
            if answer["data"]["result"]:
                return True
            await asyncio.sleep(0.1)


class TestSecondStart:
    async def test_is_refused_and_names_the_holder(self, tmp_path: Path) -> None:
        async with Stack(tmp_path, FAST) as stack:
            with pytest.raises(AlreadyRunning, match=rf"Process {os.getpid()} holds"):
                async with Stack(tmp_path, FAST):
                    pass
            assert await asked(stack, "SELECT 1") == 1


class TestTakenPort:
    async def test_a_port_that_was_asked_for_is_refused_by_number(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(PortTaken, match=rf"Port {port} \(for temporal-ui\)"):
                async with Stack(tmp_path, Options(durable=False, ports={"temporal-ui": port})):
                    pass


class TestServerThatCannotStart:
    async def test_the_refusal_carries_the_end_of_its_log_and_nothing_is_left(self, tmp_path: Path) -> None:
        async with Stack(tmp_path, FAST) as stack:
            register = tmp_path / "children"
        (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
        with pytest.raises(ServerDidNotStart, match="not compatible") as caught:
            async with Stack(tmp_path, FAST):
                pass
        assert caught.value.facts["name"] == "postgres"
        assert list(register.iterdir()) == []
        assert {child.pid for child in stack.children.values()} == {None}


class TestKilledServer:
    async def test_postgres_comes_back_with_every_acknowledged_row(self, tmp_path: Path, until: Until) -> None:
        async with Stack(tmp_path) as stack:
            await asked(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
            await kill(stack, "postgres", until)
            assert await asked(stack, "SELECT answer FROM kept") == 42
            assert [(death.name, death.code) for death in stack.deaths] == [("postgres", -signal.SIGKILL)]

    async def test_temporal_comes_back_with_every_acknowledged_workflow(self, tmp_path: Path, until: Until) -> None:
        async with Stack(tmp_path) as stack:
            await begin_workflow(stack, "kept")
            await kill(stack, "temporal", until)
            assert await workflow_runs(stack, "kept")

    async def test_valkey_comes_back_empty(self, tmp_path: Path, until: Until) -> None:
        async with Stack(tmp_path, FAST) as stack:
            cache = redis.asyncio.Redis.from_url(str(stack.endpoints.valkey_url))
            await cache.set("a", "b")
            await cache.aclose()
            await kill(stack, "valkey", until)
            cache = redis.asyncio.Redis.from_url(str(stack.endpoints.valkey_url))
            assert await cache.get("a") is None
            await cache.aclose()
