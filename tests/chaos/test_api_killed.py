"""An API that is killed between any two statements of a request has done all of it or nothing once it is asked again.

Each point of a request has a process of its own that dies there: before a statement, before a commit, after it. Then
the same request is sent again, with the same Idempotency-Key, to another process, while the sweeper runs.
"""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus

from adapters.embedded.stack import Stack
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from domain.approvals import ApprovalPolicy, Level
from domain.audit import Action
from domain.changes import Kind
from tests.chaos.conftest import eventually, running
from tests.chaos.ordeals import DEV, PRODUCTION, Ordeal, Orders, Owner, Site, ordeal
from tests.conftest import House

LEAST_POINTS = {"submit": 25, "vote": 20, "put": 12}


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
        await asyncio.wait_for(process.wait(), 60)


@pytest_asyncio.fixture(scope="module")
async def site(
    governed: House, store: PostgresStore, issuer: EmbeddedIssuer, client: Client, owner: Owner, orders: Orders
) -> Site:
    return Site(governed, store, issuer, client, owner, orders)


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
            assert votes.again[number] == httpx2.codes.OK, where
            ballots = await site.rows("approval_vote", "approval_id", wish.change)
            assert [ballot["voter"] for ballot in ballots] == [site.house.bob.id], where
            assert await site.audited(change=wish.change) == calm, where


@pytest.mark.req("AU-01")
class TestApiKilledInWriteOfAFlag:
    def test_died_at_every_point(self, puts: Ordeal) -> None:
        assert len(puts.points) >= LEAST_POINTS["put"]
        assert sum(puts.died.values()) >= len(puts.points) - 2

    async def test_the_version_is_written_exactly_once(self, site: Site, puts: Ordeal) -> None:
        for number, wish in puts.wishes.items():
            where = puts.points[number - 1]
            assert puts.again[number] == httpx2.codes.OK, where
            key = wish.path.removeprefix("/flags/").partition("?")[0]
            versions = await site.rows("flag_version", "key", key)
            assert sorted(row["version"] for row in versions) == [1, 2], where
            events = await site.rows("audit_event", "resource", f"dev/{key}")
            assert [row["action"] for row in events] == [Action.FLAG_UPDATED], where
