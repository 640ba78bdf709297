"""A worker that is killed at any activity of a series of closes leaves each period closed once, in its order.

Every boundary has an entity of its own with two months that close without a gap, and a worker process is killed while
each series stands at its own: half of them before their effects, half after these were committed. A clean worker then
goes on.
"""

import asyncio
import json
import secrets
import signal
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from adapters.postgres.store import PostgresStore
from application.approvals import VoteWish
from application.closure_series.asking import CloseWish
from application.ports.records import AuditFilter
from domain.approvals import AlreadyVoted, Answer
from domain.audit import Action
from domain.closures import RunState
from domain.closures.series import Series, SeriesState
from domain.errors import Unavailable
from tests.chaos.conftest import a_few_at_once, eventually, running
from tests.conftest import House
from tests.workflow.group import Group
from tests.workflow.office import Office
from tests.workflow.theatre import now

SHAPE = ["look", "begin", "look", "look", "begin", "look"]
BOUNDARIES = [(number, side) for number in range(1, len(SHAPE) + 1) for side in ("before", "after")]
FEBRUARY = "2025-02"
LONG = 300
pytestmark = pytest.mark.timeout(700)


def named(boundary: tuple[int, str]) -> str:
    number, side = boundary
    return f"{number}-{side}-{SHAPE[number - 1]}"


@dataclass(frozen=True)
class Course:
    """What a series left behind, without what differs from one to the next."""

    state: SeriesState
    closes: list[tuple[str, RunState, int]]
    audited: int


@dataclass(frozen=True)
class Works:
    """Where workers of one queue are started."""

    group: Group
    env: dict[str, str]
    folder: Path

    def worker(self, orders: dict[str, tuple[int, str]]) -> Any:
        file = self.folder / "orders.json"
        file.write_text(json.dumps(orders))
        return running(
            *("-m", "tests.chaos.doomed_closer", self.group.office.queue, str(file), str(self.folder / "passed")),
            env=self.env, log=self.folder / "worker.log",
        )  # fmt: skip

    async def vote(self, series: Series) -> None:
        """On each of its closes, as a client does: asked again as long as nobody answers."""
        office = self.group.office
        for member in series.members:

            async def asked(key: str = member.key) -> Any:
                run = (await self.group.members(series))[key].run
                return run and (await office.cases.looking.get(office.house.root, run)).run.approval

            approval = await eventually(asked, LONG)
            for voter in (office.house.bob, office.house.cyd):
                while True:
                    try:
                        await office.approvals.vote(voter, approval, VoteWish(Answer.APPROVE))
                    except Unavailable:
                        await asyncio.sleep(0.2)
                    except AlreadyVoted:  # what was not answered had been counted
                        break
                    else:
                        break

    async def course(self, series: Series) -> Course:
        office, entity = self.group.office, series.members[0].entity
        runs = await office.cases.looking.page(office.house.root, entity, None, 10)
        async with office.store.transaction(series.tenant) as tx:
            rows = await tx.audit.page(AuditFilter(action=Action.CLOSURE_SERIES_MOVED), None, 1000)
        moves = Counter(row.event["resource"] for row in rows)
        closes = [(run.period_code, run.state, run.attempt) for run in reversed(runs)]
        return Course((await self.group.series(series)).state, closes, moves[str(series.id)])


@pytest_asyncio.fixture(scope="module")
async def works(
    neighbourhood: House, store: PostgresStore, client: Client, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Works:  # fmt: skip
    signed = SignedActs(kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem"), now)
    group = Group(Office(neighbourhood, store, client, f"q-{secrets.token_hex(4)}", assertions=signed))
    await group.office.settle_in()
    await group.join(*(f"e{number}" for number in range(len(BOUNDARIES))), most=2)
    return Works(group, surroundings, tmp_path_factory.mktemp("series"))


@dataclass(frozen=True)
class Killing:
    """The course of a series that nobody disturbed, and of one for each boundary."""

    calm: Course
    activities: list[str]
    exit_code: int
    disturbed: dict[tuple[int, str], Course]


@pytest_asyncio.fixture(scope="module")
async def killing(works: Works) -> Killing:
    group = works.group
    calm = await group.months(FEBRUARY)
    async with works.worker({}), asyncio.timeout(LONG):
        await works.vote(calm)
        await group.rests(calm, SeriesState.CLOSED)
    passed = [line.split() for line in (works.folder / "passed").read_text().splitlines()]
    activities = [name.partition(".")[2] for series, _, name in passed if series == str(calm.id)]
    entities = [f"e{number}" for number in range(len(BOUNDARIES))]
    asks = [partial(group.ask, CloseWish(entity, FEBRUARY, gapless=True)) for entity in entities]
    doomed = dict(zip(BOUNDARIES, await a_few_at_once(asks), strict=True))
    async with asyncio.TaskGroup() as votes, asyncio.timeout(LONG):
        for series in doomed.values():
            votes.create_task(works.vote(series))
        async with works.worker({str(series.id): order for order, series in doomed.items()}) as worker:
            exit_code = await worker.wait()
        async with works.worker({}):
            for series in doomed.values():
                await group.rests(series, SeriesState.CLOSED)
    courses = {boundary: await works.course(series) for boundary, series in doomed.items()}
    return Killing(await works.course(calm), activities, exit_code, courses)


@pytest.mark.req("FP46")
class TestKilledWorker:
    def test_stood_at_every_boundary_there_is(self, killing: Killing) -> None:
        assert killing.activities == SHAPE
        assert killing.exit_code == -signal.SIGKILL

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_leaves_each_period_closed_once_and_the_trail_of_a_calm_one(
        self, killing: Killing, boundary: tuple[int, str]
    ) -> None:
        course = killing.disturbed[boundary]
        assert course.closes == [("2025-01", RunState.CLOSED, 1), (FEBRUARY, RunState.CLOSED, 1)]
        assert course == killing.calm
