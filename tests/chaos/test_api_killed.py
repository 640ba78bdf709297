"""An API that is killed between any two statements of a request has done all of it or nothing once it is asked again.

Each point of a request has a process of its own that dies there: before a statement, before a commit, after it. Then
the same request is sent again, with the same Idempotency-Key, to another process, while the sweeper runs.
"""

import asyncio
import json
import secrets
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus

from adapters.embedded.probes import http_answers
from adapters.embedded.stack import Stack
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from application.ports.records import AuditFilter, StoredFlag
from domain.approvals import ApprovalPolicy, Level
from domain.audit import Action
from domain.changes import Kind
from domain.environments import Environment
from tests.chaos.conftest import a_few_at_once, eventually, running
from tests.conftest import House

TLS = ssl.create_default_context()  # made once: it costs more than a request, and nothing here is encrypted
CLASSIC = {"state": "ENABLED", "variants": {"classic": "c", "express": "e"}, "defaultVariant": "classic"}
EXPRESS = {**CLASSIC, "defaultVariant": "express"}
PRODUCTION, DEV = Environment.PRODUCTION, Environment.DEV
LEAST_POINTS = {"submit": 25, "vote": 20, "put": 12}


Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Wish:
    """One request of one person, which may be sent several times; `change` is what it is about."""

    handle: str
    method: str
    path: str
    body: dict[str, Any]
    change: UUID
    headers: dict[str, str] = field(default_factory=dict)
    key: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True)
class Orders:
    """The standard input of the process that forks API processes, and the folder for what they tell."""

    pipe: asyncio.StreamWriter
    folder: Path

    async def give(self, order: dict[str, Any]) -> None:
        self.pipe.write(json.dumps(order).encode() + b"\n")
        await self.pipe.drain()


@dataclass
class Site:
    """Where API processes live and die."""

    house: House
    store: PostgresStore
    issuer: EmbeddedIssuer
    client: Client
    owner: Owner
    orders: Orders

    async def born(self, die_at: int | None) -> tuple[str, Path]:
        """The address of a new API process, once it answers, and the file of the points that it passed."""
        port = free_port()
        passed = self.orders.folder / f"passed-{port}-{secrets.token_hex(3)}"
        await self.orders.give({"port": port, "die_at": die_at, "passed": str(passed)})
        address = f"http://127.0.0.1:{port}"

        await eventually(lambda: http_answers(port, "/healthz"))
        return address, passed

    async def send(self, address: str, wish: Wish) -> httpx2.Response:
        headers = {
            "Authorization": f"Bearer {self.issuer.mint(wish.handle)}",
            "Changegate-Tenant": self.house.tenant.slug,
            "Idempotency-Key": wish.key,
            **wish.headers,
        }
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=30, verify=TLS) as http:
            return await http.request(wish.method, f"/api/v1{wish.path}", json=wish.body, headers=headers)

    async def forget_the_dead(self) -> None:
        """Let the lease of every unanswered key run out, as it does a minute after its process died."""
        await self.owner.execute(
            "UPDATE idempotency_key SET claimed_at = claimed_at - interval '2 minutes'"
            " WHERE tenant_id = $1 AND status IS NULL",
            self.house.id,
        )

    # --- what is asked for

    async def flag(self, environment: Environment = PRODUCTION) -> str:
        key = f"flag-{secrets.token_hex(5)}"
        async with self.store.transaction(self.house.id) as tx:
            await tx.flags.put(StoredFlag(environment, key, 1, CLASSIC, "test", None, tx.now), expected=0)
        return key

    async def draft(self, address: str) -> UUID:
        key = await self.flag()
        body = {
            "environment": "production", "key": key, "definition": EXPRESS, "base_version": 1,
            "plan": {"strategy": "direct"}, "reason": "a faster checkout",
        }  # fmt: skip
        made = await self.send(address, Wish("ada", "POST", "/changes", body, uuid4()))
        assert made.status_code == httpx2.codes.CREATED, made.text
        return UUID(made.json()["id"])

    async def submitting(self, address: str) -> Wish:
        change = await self.draft(address)
        return Wish("ada", "POST", f"/changes/{change}/submit", {}, change)

    async def voting(self, address: str) -> Wish:
        first = await self.submitting(address)
        assert (await self.send(address, first)).is_success
        return Wish("bob", "POST", f"/approvals/{first.change}/approve", {}, first.change)

    async def putting(self, address: str) -> Wish:
        key = await self.flag(DEV)
        body = {"definition": EXPRESS, "reason": "a faster checkout"}
        tag = {"If-Match": '"v1"'}
        return Wish("ada", "PUT", f"/flags/{key}?environment=dev", body, UUID(int=0), tag)

    # --- what is left

    async def rows(self, table: str, column: str, value: object) -> list[asyncpg.Record]:
        words = f"SELECT * FROM {table} WHERE tenant_id = $1 AND {column} = $2"  # noqa: S608 -- both are ours
        return list(await self.owner.fetch(words, self.house.id, value))

    async def audited(self, **narrow: Any) -> Counter[str]:
        async with self.store.transaction(self.house.id) as tx:
            rows = await tx.audit.page(AuditFilter(**narrow), None, 1000)
        return Counter(row.event["action"] for row in rows)


ASKED = {"submit": Site.submitting, "vote": Site.voting, "put": Site.putting}


@dataclass
class Ordeal:
    """One kind of request: the points of a calm one, and each doomed wish with the status of its second attempt."""

    points: list[str]
    calm: Wish
    wishes: dict[int, Wish]
    died: dict[int, bool]
    again: dict[int, int]


@pytest_asyncio.fixture(scope="module")
async def governed(neighbourhood: House, store: PostgresStore) -> House:
    """Production asks two levels, development asks nobody."""
    async with store.transaction(neighbourhood.id) as tx:
        await tx.policies.put(PRODUCTION, Kind.FLAG, ApprovalPolicy((Level(), Level())))
        await tx.policies.put(DEV, Kind.FLAG, ApprovalPolicy())
    return neighbourhood


@pytest_asyncio.fixture(scope="module")
async def owner(stack: Stack) -> AsyncIterator[Owner]:
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="module")
async def orders(
    surroundings: dict[str, str], client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Orders]:
    """Where API processes are ordered. The product's own worker sweeps what never reached Temporal."""
    folder = tmp_path_factory.mktemp("logs")
    api = running(
        "-m", "tests.chaos.doomed_api", env=surroundings, log=folder / "api.log", stdin=asyncio.subprocess.PIPE
    )
    async with running("-m", "worker", env=surroundings, log=folder / "worker.log"), api as process:
        assert process.stdin is not None
        yield Orders(process.stdin, folder)
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 10)


@pytest_asyncio.fixture(scope="module")
async def site(
    governed: House, store: PostgresStore, issuer: EmbeddedIssuer, client: Client, owner: Owner, orders: Orders
) -> Site:
    return Site(governed, store, issuer, client, owner, orders)


async def ordeal(site: Site, kind: str) -> Ordeal:
    living, _ = await site.born(None)
    calm = await ASKED[kind](site, living)
    counting, passed = await site.born(None)
    assert (await site.send(counting, calm)).is_success
    points = passed.read_text().splitlines()
    numbers = range(1, len(points) + 1)
    wishes = dict(zip(numbers, await a_few_at_once([partial(ASKED[kind], site, living) for _ in numbers]), strict=True))

    async def doom(number: int) -> bool:
        address, _ = await site.born(number)
        try:
            await site.send(address, wishes[number])
        except httpx2.TransportError:
            return True
        return False

    died = await a_few_at_once([partial(doom, number) for number in numbers], most=4)
    await site.forget_the_dead()
    again = await a_few_at_once([partial(site.send, living, wish) for wish in wishes.values()], most=4)
    return Ordeal(
        points, calm, wishes, dict(zip(numbers, died, strict=True)),
        dict(zip(numbers, [answer.status_code for answer in again], strict=True)),
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def submits(site: Site) -> Ordeal:
    return await ordeal(site, "submit")


@pytest_asyncio.fixture(scope="module")
async def votes(site: Site) -> Ordeal:
    return await ordeal(site, "vote")


@pytest_asyncio.fixture(scope="module")
async def puts(site: Site) -> Ordeal:
    return await ordeal(site, "put")


@pytest.mark.req("S11", "AU-01")
class TestApiKilledInSubmit:
    def test_died_at_every_point(self, submits: Ordeal) -> None:
        assert len(submits.points) >= LEAST_POINTS["submit"]
        assert any("rollout" in point for point in submits.points)
        # What comes after the answer was sent may be survived by the client's request, never by the process.
        assert sum(submits.died.values()) >= len(submits.points) - 2

    async def test_everything_is_there_exactly_once(self, site: Site, submits: Ordeal) -> None:
        calm = await site.audited(change=submits.calm.change)
        for number, wish in submits.wishes.items():
            where = submits.points[number - 1]
            assert submits.again[number] == httpx2.codes.OK, where
            for table, column in (("approval", "approval_id"), ("rollout", "rollout_id"), ("change_set", "change_id")):
                assert len(await site.rows(table, column, wish.change)) == 1, where
            assert await site.audited(change=wish.change) == calm, where
            lines = await site.rows("rollout_transition", "rollout_id", wish.change)
            assert len(lines) == calm[Action.ROLLOUT_MOVED] == 1, where

    async def test_one_workflow_runs_for_each(self, site: Site, submits: Ordeal) -> None:
        for wish in submits.wishes.values():
            handle = site.client.get_workflow_handle(f"rollout/{wish.change}")
            assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
            found = site.client.list_workflows(f"WorkflowId = 'rollout/{wish.change}'")
            assert len([each async for each in found]) == 1

    async def test_what_is_never_asked_again_is_swept(self, site: Site, submits: Ordeal) -> None:
        """The process died right after its commit, and the client gave up: the workflow starts all the same."""
        living, _ = await site.born(None)
        abandoned = await site.submitting(living)
        last = max(place for place, point in enumerate(submits.points, 1) if "rollout_transition" in point)
        after_commit = next(
            place for place, point in enumerate(submits.points, 1) if place > last and point.endswith("returned")
        )
        address, _ = await site.born(after_commit)
        with pytest.raises(httpx2.TransportError):
            await site.send(address, abandoned)

        async def started() -> bool:
            [row] = await site.rows("rollout", "rollout_id", abandoned.change)
            return bool(row["started"])

        assert not await started()
        await eventually(started)
        handle = site.client.get_workflow_handle(f"rollout/{abandoned.change}")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


@pytest.mark.req("AU-01")
class TestApiKilledInVote:
    def test_died_at_every_point(self, votes: Ordeal) -> None:
        assert len(votes.points) >= LEAST_POINTS["vote"]
        assert sum(votes.died.values()) >= len(votes.points) - 2

    async def test_the_vote_counts_exactly_once(self, site: Site, votes: Ordeal) -> None:
        calm = await site.audited(change=votes.calm.change)
        assert calm[Action.VOTE_CAST] == 1
        for number, wish in votes.wishes.items():
            where = votes.points[number - 1]
            # A vote that was counted, and that completed its level, is named as given already.
            assert votes.again[number] in {httpx2.codes.OK, httpx2.codes.CONFLICT}, where
            ballots = await site.rows("approval_vote", "approval_id", wish.change)
            assert [ballot["voter"] for ballot in ballots] == [site.house.bob.id], where
            found = await site.audited(change=wish.change)
            del found[Action.VOTE_REFUSED]
            assert found == calm, where


@pytest.mark.req("AU-01")
class TestApiKilledInWriteOfAFlag:
    def test_died_at_every_point(self, puts: Ordeal) -> None:
        assert len(puts.points) >= LEAST_POINTS["put"]
        assert sum(puts.died.values()) >= len(puts.points) - 2

    async def test_the_version_is_written_exactly_once(self, site: Site, puts: Ordeal) -> None:
        for number, wish in puts.wishes.items():
            where = puts.points[number - 1]
            # A write that had been committed names a version that is no longer the present one.
            assert puts.again[number] in {httpx2.codes.OK, httpx2.codes.PRECONDITION_FAILED}, where
            key = wish.path.removeprefix("/flags/").partition("?")[0]
            versions = await site.rows("flag_version", "key", key)
            assert sorted(row["version"] for row in versions) == [1, 2], where
            events = await site.rows("audit_event", "resource", f"dev/{key}")
            assert [row["action"] for row in events] == [Action.FLAG_UPDATED], where
