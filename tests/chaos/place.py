"""An installation of its own, with people who ask and servers that may be killed under their work."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from aiosmtpd.smtp import SMTP

from adapters.embedded.child import Child, State
from adapters.embedded.installation import RunningStack
from tests.chaos.conftest import eventually
from tests.e2e.terminal import Person
from tests.workflow.theatre import CLASSIC

LONGEST_ANSWER_SECONDS = 60
UNAVAILABLE = httpx2.codes.SERVICE_UNAVAILABLE


@dataclass
class Postbox:
    """A mail server that is not there until it is opened."""

    port: int
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, hostname="localhost"), "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()


@dataclass
class Place:
    """An installation of its own, whose servers may be killed."""

    folder: Path
    running: RunningStack
    postbox: Postbox

    def child(self, name: str) -> Child:
        return self.running.stack.children[name]

    def person(self, handle: str) -> Person:
        return Person(self.folder, handle)

    @asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """Killed with SIGKILL, and not started again before the block ends."""
        child = self.child(name)
        program, back = child.program, asyncio.Event()

        async def later() -> None:
            await back.wait()
            await program.prepare()

        child.program = replace(program, prepare=later)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        try:
            yield
        finally:
            child.program = program
            back.set()
        restarts = child.restarts

        async def here() -> bool:
            return child.state is State.RUNNING and child.restarts > restarts and child.pid is not None

        await eventually(here)

    async def propose(self, key: str, **more: Any) -> str:
        body = {
            "environment": "production", "key": key, "definition": CLASSIC, "base_version": 0,
            "plan": {"strategy": "direct"}, "reason": "the outage may come", **more,
        }  # fmt: skip
        return str((await self.person("ada").do("/rollouts", body))["rollout"]["id"])

    async def approve(self, change: str, *handles: str) -> None:
        """As a client does: asked again when the answer is to try again in a moment."""
        for handle in handles:

            async def answered(voter: str = handle) -> bool:
                answer = await self.person(voter).ask("POST", f"/api/v1/approvals/{change}/approve", {})
                # A vote of which nobody was told may count already.
                assert answer.status_code in {httpx2.codes.OK, httpx2.codes.CONFLICT, UNAVAILABLE}, answer.text
                return answer.status_code != UNAVAILABLE

            await eventually(answered)

    async def votes(self, change: str) -> list[tuple[str, int]]:
        found = (await self.person("ada").see(f"/approvals/{change}"))["votes"]
        return [(each["voter_handle"], each["level"]) for each in found]

    async def until(self, change: str, *states: str) -> None:
        """It is there now: what it passes through may be over before anybody looks."""

        async def reached() -> bool:
            return (await self.person("ada").see(f"/rollouts/{change}"))["state"] in states

        await eventually(reached)

    async def changed(self, key: str, **more: Any) -> str:
        """A change that was approved by both levels."""
        change = await self.propose(key, **more)
        await self.approve(change, "bob", "cyd")
        return change

    async def parts(self) -> dict[str, bool]:
        answer = await self.person("ada").ask("GET", "/readyz")
        found: dict[str, bool] = answer.json()["parts"]
        assert answer.is_success is all(found.values())
        return found

    async def whole(self) -> None:
        async def ready() -> bool:
            return all((await self.parts()).values())

        await eventually(ready)

    async def told_unavailable(self, handle: str, method: str, path: str, body: Any = None) -> None:
        """Refused with a problem that says to try again, and in time."""
        async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
            answer = await self.person(handle).ask(method, path, body)
        assert answer.status_code == UNAVAILABLE, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["type"].endswith("unavailable")

    async def rows(self, words: str, *values: Any) -> list[asyncpg.Record]:
        owner = await asyncpg.connect(self.running.stack.endpoints.database_superuser_url)
        try:
            return list(await owner.fetch(words, *values))
        finally:
            await owner.close()

    async def each_step_once(self, change: str) -> None:
        lines = await self.rows("SELECT step FROM rollout_transition WHERE rollout_id = $1::text::uuid", change)
        steps = Counter(line["step"] for line in lines)
        assert set(steps.values()) == {1}
        moves = await self.rows(
            "SELECT 1 FROM audit_event WHERE change_id = $1::text::uuid AND action = 'rollout:state:moved'", change
        )
        assert len(moves) == len(steps)
