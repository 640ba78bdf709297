"""A worker that is killed at any activity of a close leaves one close, one certificate and one event.

Every boundary has a period of its own, and a worker process is killed while each close stands at its own: half of them
before their effects, half after these were committed and before Temporal heard of them. A clean worker then goes on.
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
from application.ports.records import AuditFilter
from domain.approvals import AlreadyVoted, Answer
from domain.audit import Action
from domain.closures import ClosureRun, RunState
from domain.errors import Unavailable
from domain.periods import GateKey, PeriodGate, Status
from tests.chaos.conftest import a_few_at_once, running
from tests.conftest import House
from tests.workflow.office import AP, Office
from tests.workflow.theatre import now

SHAPE = ["stand", "precheck", "freeze", "frozen", "validate", "ask", "close", "notify"]
BOUNDARIES = [(number, side) for number in range(1, len(SHAPE) + 1) for side in ("before", "after")]
LONG = 240
pytestmark = pytest.mark.timeout(600)


def named(boundary: tuple[int, str]) -> str:
    number, side = boundary
    return f"{number}-{side}-{SHAPE[number - 1]}"


@dataclass(frozen=True)
class Course:
    """What a close left behind, without what differs from one to the next."""

    state: RunState
    steps: list[tuple[str, RunState | None, RunState, str]]
    gates: list[tuple[Status, int]]
    certificates: int
    audited: Counter[str]


@dataclass(frozen=True)
class Works:
    """Where workers of one queue are started."""

    office: Office
    env: dict[str, str]
    folder: Path

    def worker(self, orders: dict[str, tuple[int, str]]) -> Any:
        file = self.folder / "orders.json"
        file.write_text(json.dumps(orders))
        passed = str(self.folder / "passed")
        return running(
            *("-m", "tests.chaos.doomed_closer", self.office.queue, str(file), passed),
            env=self.env, log=self.folder / "worker.log",
        )  # fmt: skip

    async def vote(self, run: ClosureRun) -> None:
        """As a client does: asked again as long as nobody answers."""
        while (await self.office.view(run)).run.approval is None:  # noqa: ASYNC110 -- another process sets no event of ours
            await asyncio.sleep(0.1)
        approval = (await self.office.view(run)).run.approval
        assert approval is not None
        for voter in (self.office.house.bob, self.office.house.cyd):
            while True:
                try:
                    await self.office.approvals.vote(voter, approval, VoteWish(Answer.APPROVE))
                except Unavailable:
                    await asyncio.sleep(0.2)
                except AlreadyVoted:  # what was not answered had been counted
                    break
                else:
                    break

    async def course(self, run: ClosureRun) -> Course:
        view = await self.office.view(run)
        key = GateKey(run.entity, run.period, AP.code)
        async with self.office.store.transaction(run.tenant) as tx:
            gates: list[PeriodGate] = await tx.periods.history(key, 2**62, 100)
            certificates = await tx.closures.certificates(run.entity, run.period)
            rows = await tx.audit.page(AuditFilter(), None, 100_000)
        mine = {str(run.id), f"{run.entity}/{run.period_code}/{AP.code}"}
        return Course(
            view.run.state,
            [(line.step, line.from_state, line.to_state, line.cause) for line in view.timeline],
            [(gate.status, gate.epoch) for gate in gates],
            len(certificates),
            Counter(row.event["action"] for row in rows if row.event["resource"] in mine),
        )


@pytest_asyncio.fixture(scope="module")
async def works(
    neighbourhood: House, store: PostgresStore, client: Client, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Works:  # fmt: skip
    signed = SignedActs(kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem"), now)
    office = Office(neighbourhood, store, client, f"q-{secrets.token_hex(4)}", assertions=signed)
    await office.settle_in(AP, (2025, 2026), len(BOUNDARIES) + 1)
    return Works(office, surroundings, tmp_path_factory.mktemp("closer"))


@dataclass(frozen=True)
class Killing:
    """The course of a close that nobody disturbed, and of one for each boundary."""

    calm: Course
    activities: list[str]
    exit_code: int
    disturbed: dict[tuple[int, str], Course]


@pytest_asyncio.fixture(scope="module")
async def killing(works: Works) -> Killing:
    """The calm one first: what a worker passed is written into one file."""
    office, periods = works.office, [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
    calm = await office.start(periods[0])
    async with works.worker({}), asyncio.timeout(LONG):
        await works.vote(calm)
        await office.end(calm)
    passed = [line.split() for line in (works.folder / "passed").read_text().splitlines()]
    activities = [name.partition(".")[2] for period, _, name in passed if period == calm.period_code]
    starts = [partial(office.start, period) for period in periods[1 : len(BOUNDARIES) + 1]]
    doomed = dict(zip(BOUNDARIES, await a_few_at_once(starts), strict=True))
    async with asyncio.TaskGroup() as votes, asyncio.timeout(LONG):
        for run in doomed.values():
            votes.create_task(works.vote(run))
        async with works.worker({run.period_code: order for order, run in doomed.items()}) as worker:
            exit_code = await worker.wait()
        async with works.worker({}):
            await asyncio.gather(*(office.end(run) for run in doomed.values()))
    courses = {boundary: await works.course(run) for boundary, run in doomed.items()}
    return Killing(await works.course(calm), activities, exit_code, courses)


@pytest.mark.req("FP56")
class TestKilledWorker:
    def test_stood_at_every_boundary_there_is(self, killing: Killing) -> None:
        assert killing.activities == SHAPE
        assert killing.exit_code == -signal.SIGKILL

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_leaves_one_close_and_one_certificate(self, killing: Killing, boundary: tuple[int, str]) -> None:
        course = killing.disturbed[boundary]
        assert course.state is RunState.CLOSED
        assert course.certificates == 1
        assert [status for status, _ in course.gates].count(Status.CLOSED) == 1
        assert course.audited[Action.GATE_CLOSED] == 1

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_leaves_the_course_as_if_nothing_had_happened(
        self, killing: Killing, boundary: tuple[int, str]
    ) -> None:  # fmt: skip
        assert killing.disturbed[boundary] == killing.calm
