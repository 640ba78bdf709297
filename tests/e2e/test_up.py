"""`changegate up` brings everything up, keeps what was open over a stop, and tells no secret to its logs."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from adapters.embedded.ports import Ports
from adapters.embedded.postgres import Postgres
from adapters.embedded.temporal import find_temporal
from tests.e2e.terminal import Command, Person, alive, changegate, children

DEFINITION = {"state": "ENABLED", "variants": {"classic": "c", "express": "e"}, "defaultVariant": "classic"}


CREATION = {
    "environment": "production", "key": "checkout", "definition": DEFINITION, "base_version": 0,
    "plan": {"strategy": "direct"}, "reason": "the shop learns to choose",
}  # fmt: skip


async def up(command: Command) -> None:
    await command.until("Ctrl-C stops everything.")


def lines_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """Every line of a log, which is JSON or fails the test."""
    return [json.loads(line) for line in (folder / "logs" / f"{name}.log").read_text().splitlines()]


async def stored(folder: Path) -> str:
    """Every row of every table but the audit trail, as text."""
    owner = await asyncpg.connect(Postgres(folder, Ports(folder).remembered("postgres")).superuser_url)
    try:
        found = await owner.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'audit%'"
        )
        tables = [record["tablename"] for record in found]
        assert {"rollout", "change_set", "intent", "idempotency_key"} <= set(tables)
        texts = []
        for table in tables:
            rows = await owner.fetch(f'SELECT t::text AS row FROM "{table}" t')  # noqa: S608 -- a name from the catalog
            texts += [row["row"] for row in rows]
    finally:
        await owner.close()
    return "\n".join(texts) + "\n".join(bytes.fromhex(word).decode(errors="replace") for word in _hex(texts))


def _hex(texts: list[str]) -> list[str]:
    """Bytes are written as hexadecimal: what they say is looked at, too."""
    return [word for text in texts for word in re.findall(r"\\x((?:[0-9a-f]{2})+)", text)]


def history(folder: Path, workflow: str) -> str:
    address = f"127.0.0.1:{Ports(folder).remembered('temporal')}"
    told = subprocess.run(
        [str(find_temporal()), "workflow", "show", "--address", address, "-w", workflow, "-o", "json"],
        capture_output=True, check=True, text=True, timeout=30,
    )  # fmt: skip
    return told.stdout


async def warmed(somebody: Person, root: Person) -> list[dict[str, Any]]:
    """The commands that filled Valkey, once somebody has read what nobody had."""
    definition = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant"]}
    await somebody.do("/setting-definitions", {"definition": definition, "reason": "the shop takes pictures"})
    await somebody.see("/settings/upload.limit/effective?environment=dev")
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not found:
            found = (await root.see("/commands?type=changegate.warm-settings&state=completed"))["items"]
            await asyncio.sleep(0.1)
    return found


@dataclass
class Life:
    """Two runs on one folder, with a change that was begun in the first and ended in the second."""

    folder: Path
    change: str = ""
    state_between: str = ""
    pids: dict[str, int] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    printed: str = ""
    second_up: tuple[int, str] = (0, "")
    answers: dict[str, int] = field(default_factory=dict)
    parts: dict[str, bool] = field(default_factory=dict)
    trace: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    kept: str = ""
    told: str = ""
    forged: int = 0
    warmed: list[dict[str, Any]] = field(default_factory=list)

    async def first(self) -> None:
        async with changegate(self.folder, "up") as command:
            await up(command)
            self.pids = children(self.folder)
            ada, bob = Person(self.folder, "ada"), Person(self.folder, "bob")
            for path in ("/healthz", "/readyz", "/docs", "/temporal/"):
                self.answers[path] = (await ada.ask("GET", path)).status_code
            self.parts = (await ada.ask("GET", "/readyz")).json()["parts"]
            async with changegate(self.folder, "up") as second:
                code = await second.ended()
                self.second_up = code, second.text.replace(str(command.process.pid), "THE FIRST")
            self.change = (await ada.do("/rollouts", CREATION))["rollout"]["id"]
            await bob.do(f"/approvals/{self.change}/approve")
            self.warmed = await warmed(ada, Person(self.folder, "root"))
            self.secrets |= {"ada's token": ada.token, "bob's token": bob.token}
            self.codes.append(await command.stopped(signal.SIGINT))
            self.printed += command.text

    async def second(self) -> None:
        async with changegate(self.folder, "up") as command:
            await up(command)
            ada, cyd = Person(self.folder, "ada"), Person(self.folder, "cyd")
            self.state_between = (await ada.see(f"/rollouts/{self.change}"))["state"]
            proof = await cyd.do(f"/approvals/{self.change}/assertions", {"answer": "approve"})
            await cyd.do(f"/approvals/{self.change}/approve")
            async with asyncio.timeout(30):
                while (await ada.see(f"/rollouts/{self.change}"))["state"] != "SUCCEEDED":  # noqa: ASYNC110 -- asked over HTTP
                    await asyncio.sleep(0.1)
            self.trace = cyd.trace
            self.secrets |= {"cyd's token": cyd.token, "cyd's assertion": proof["signal"]["input"]["assertion"]}
            self.kept = await stored(self.folder)
            self.told = history(self.folder, f"rollout/{self.change}") + history(self.folder, f"approval/{self.change}")
            cyd.token = cyd.token[:-8] + "AAAAAAAA"  # signed by nobody
            self.secrets["a forged token"] = cyd.token
            self.forged = (await cyd.ask("GET", "/api/v1/me")).status_code
            self.codes.append(await command.stopped(signal.SIGTERM))
            self.printed += command.text
        self.secrets |= {path.name: path.read_text().strip() for path in (self.folder / "secrets").iterdir()}


@pytest_asyncio.fixture(scope="module")
async def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    life = Life(tmp_path_factory.mktemp("life") / "data")
    await life.first()
    assert alive(life.pids) == {}
    await life.second()
    return life


class TestUp:
    def test_tells_where_everything_answers(self, life: Life) -> None:
        assert {"postgres", "temporal", "api", "worker"} <= set(life.pids)
        for path in ("/docs", "/temporal", "/readyz"):
            assert f"http://127.0.0.1:{Ports(life.folder).remembered('api')}{path}" in life.printed
        for server in ("temporal", "postgres"):
            assert f"127.0.0.1:{Ports(life.folder).remembered(server)}" in life.printed
        assert set(life.answers.values()) == {httpx2.codes.OK}
        assert life.parts == {"database": True, "temporal": True, "listener": True, "accepting": True}

    @pytest.mark.req("FR-CFG-009")
    def test_what_one_process_read_a_worker_puts_where_all_find_it(self, life: Life) -> None:
        (command,) = life.warmed
        assert (command["payload"], command["result"]["warmed"]) == ({"environment": "dev"}, 1)

    def test_what_was_open_goes_on_after_a_stop(self, life: Life) -> None:
        assert life.state_between == "AWAITING_APPROVAL"

    def test_ctrl_c_and_sigterm_stop_every_child_cleanly(self, life: Life) -> None:
        assert life.codes == [0, 0]
        assert children(life.folder) == {}
        assert "Traceback" not in life.printed

    def test_a_second_run_on_the_folder_names_the_first(self, life: Life) -> None:
        code, words = life.second_up
        assert code == 1
        assert "Process THE FIRST holds" in words
        assert "Traceback" not in words


class TestLogs:
    def test_are_json_and_one_trace_goes_through_all_of_them(self, life: Life) -> None:
        api, worker = lines_of(life.folder, "api"), lines_of(life.folder, "worker")
        asked = {line.get("path") for line in api if line.get("trace_id") == life.trace}
        assert f"/api/v1/approvals/{life.change}/approve" in asked
        done = {line.get("workflow_id") for line in worker if line.get("trace_id") == life.trace}
        assert f"approval/{life.change}" in done

    @pytest.mark.req("AU-21")
    def test_hold_no_secret_and_nor_does_anything_that_is_kept(self, life: Life) -> None:
        assert life.forged == httpx2.codes.UNAUTHORIZED
        assert life.change in life.kept
        assert life.change in life.told
        assert {"postgres", "service", "cyd's assertion", "a forged token"} <= set(life.secrets)
        logs = "".join(path.read_text(errors="replace") for path in (life.folder / "logs").iterdir())
        for name, secret in life.secrets.items():
            assert len(secret) > 20, name
            assert secret not in logs, name
            assert secret not in life.kept, name
            assert secret not in life.told, name
            assert secret not in life.printed, name


class TestPort:
    async def test_a_taken_port_is_named(self, tmp_path: Path) -> None:
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 0))
            squatter.listen()
            port = squatter.getsockname()[1]
            async with changegate(tmp_path / "data", "up", "--port", str(port)) as command:
                assert await command.ended() == 1
        assert f"Port {port} (for api) answers already" in command.text
        assert "Traceback" not in command.text
        assert children(tmp_path / "data") == {}


class TestApi:
    async def test_a_request_in_flight_is_answered_before_the_process_goes(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        async with changegate(folder, "up") as command:
            await up(command)
            ada, pid = Person(folder, "ada"), children(folder)["api"]
            body = json.dumps({"context": {"targetingKey": "somebody"}}).encode()
            head = (
                f"POST /api/v1/flags/nothing/evaluate?environment=dev HTTP/1.1\r\nHost: changegate\r\n"
                f"Authorization: Bearer {ada.token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", Ports(folder).remembered("api"))
            writer.write(head.encode() + body[:5])
            await writer.drain()
            await asyncio.sleep(0.3)
            os.kill(pid, signal.SIGTERM)
            await asyncio.sleep(1)
            assert alive({"api": pid})
            writer.write(body[5:])
            answer = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            assert answer.startswith(b"HTTP/1.1 404"), answer
            assert b"Missing" in answer or b"missing" in answer
            async with asyncio.timeout(60):
                while alive({"api": pid}):  # noqa: ASYNC110 -- another process sets no event of ours
                    await asyncio.sleep(0.05)
            # Nobody asked the supervisor for it: so it brings the API back.
            async with asyncio.timeout(30):
                while True:
                    try:
                        if (await ada.ask("GET", "/readyz")).is_success:
                            break
                    except httpx2.TransportError:
                        await asyncio.sleep(0.1)


class TestKilled:
    async def test_takes_every_child_along_and_the_next_run_starts(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        async with changegate(folder, "up") as first:
            await up(first)
            pids, address = children(folder), Ports(folder).remembered("api")
            assert len(pids) >= 4
            assert await first.stopped(signal.SIGKILL) == -signal.SIGKILL
        async with changegate(folder, "up") as second:
            await up(second)
            assert alive(pids) == {}
            assert Ports(folder).remembered("api") == address
            assert (await Person(folder, "ada").ask("GET", "/readyz")).is_success
            assert await second.stopped() == 0
