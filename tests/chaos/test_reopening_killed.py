"""A worker that is killed at any activity of a reopening leaves one window, one end of it and one close.

Every boundary has a period of its own, and a worker process is killed while each reopening stands at its own: half of
them before their effects, half after these were committed and before Temporal heard of them. A clean worker goes on.
"""

import asyncio
import json
import secrets
import signal
from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from adapters.postgres.store import PostgresStore
from application.approvals import VoteWish
from application.periods.places import period_called
from application.ports.periods import PostingAsked
from application.ports.records import AuditFilter
from application.reopenings.asking import AskWish, start_waiting_reopening
from domain.approvals import AlreadyVoted, Answer
from domain.audit import Action
from domain.closures import Reopening, ReopeningState
from domain.errors import Unavailable
from domain.periods import GateKey, Operation, PeriodGate, Posting, Status
from tests.chaos.conftest import a_few_at_once, eventually, running
from tests.conftest import House
from tests.workflow.office import AP, WHY, Office
from tests.workflow.theatre import now

SHAPE = ["stand", "open", "shut", "recertify", "recertify"]
BOUNDARIES = [(number, side) for number in range(1, len(SHAPE) + 1) for side in ("before", "after")]
PERIODS = [f"2025-{month:02}" for month in range(1, len(BOUNDARIES) + 2)]
LONG = 240
pytestmark = pytest.mark.timeout(600)


def named(boundary: tuple[int, str]) -> str:
    number, side = boundary
    return f"{number}-{side}-{SHAPE[number - 1]}"


@dataclass(frozen=True)
class Course:
    """What a reopening left behind, without what differs from one to the next."""

    state: ReopeningState
    why: str
    entries: int
    recertified: list[str]
    gates: list[tuple[Status, Posting, int]]
    certificates: int
    closes: int
    audited: Counter[str]


@dataclass(frozen=True)
class Works:
    """Where workers of one queue are started, and what people do meanwhile."""

    office: Office
    env: dict[str, str]
    folder: Path

    def worker(self, orders: dict[str, tuple[int, str]]) -> AbstractAsyncContextManager[Any]:
        file = self.folder / "orders.json"
        file.write_text(json.dumps(orders))
        passed = str(self.folder / "passed")
        return running(
            *("-m", "tests.chaos.doomed_closer", self.office.queue, str(file), passed),
            env=self.env, log=self.folder / "worker.log",
        )  # fmt: skip

    async def closed(self, period: str) -> None:
        async with self.office.store.transaction(self.office.house.id) as tx:
            key = (await period_called(tx, self.office.entity, period)).key(AP.code)
            gate = (await tx.periods.hold([key]))[key]
            await tx.periods.move([gate.closed(self.office.house.root.id, tx.now, WHY)])

    async def ask(self, period: str) -> Reopening:
        """For one entry: the last one shuts it."""
        ends = (now() + timedelta(days=1)).isoformat()
        raw = {"reason": "tax", "justification": WHY, "reopen_until": ends, "most_entries": 1}
        wish = AskWish(uuid4(), self.office.entity, period, raw)
        return await self.office.reopenings.asking.ask(self.office.house.root, wish)

    async def carried_on(self, asked: Reopening) -> None:
        """What people do, whoever works: vote, post the entry, vote on the close that certifies it anew."""
        await self._vote(asked.approval)
        await eventually(partial(self._open, asked.id), LONG)
        async with self.office.store.transaction(asked.tenant) as tx:
            place = await period_called(tx, asked.entity, asked.period_code)
            poster = self.office.house.people["ada"].id
            day = place.period.begins
            await tx.periods.assert_postable(PostingAsked(asked.entity, "AP", Operation.ADJUSTMENT, day, poster))
        await start_waiting_reopening(self.office.store, self.office.processes, asked.tenant, asked.id)
        await self._vote(await eventually(partial(self._approval, asked.id), LONG))

    async def end(self, asked: Reopening) -> None:
        result = await self.office.client.get_workflow_handle(asked.workflow_id).result()
        assert result["state"] == ReopeningState.ENDED.value

    async def course(self, asked: Reopening) -> Course:
        view = await self.office.reopenings.looking.get(self.office.house.root, asked.id)
        key = GateKey(asked.entity, asked.period, AP.code)
        async with self.office.store.transaction(asked.tenant) as tx:
            gates: list[PeriodGate] = await tx.periods.history(key, 2**62, 100)
            certificates = await tx.closures.certificates(asked.entity, asked.period)
            last = await tx.closures.last(asked.entity, asked.period)
            rows = await tx.audit.page(AuditFilter(), None, 100_000)
        mine = {str(asked.id), f"{asked.entity}/{asked.period_code}/{AP.code}"}
        return Course(
            view.reopening.state, view.reopening.why, view.entries,
            [each.why for each in view.reopening.recertified],
            [(gate.status, gate.posting, gate.epoch) for gate in gates],
            len(certificates), last.attempt if last else 0,
            Counter(row.event["action"] for row in rows if row.event["resource"] in mine),
        )  # fmt: skip

    async def _open(self, reopening: UUID) -> bool:
        view = await self.office.reopenings.looking.get(self.office.house.root, reopening)
        return view.reopening.state is ReopeningState.OPEN

    async def _approval(self, reopening: UUID) -> UUID | None:
        run = (await self.office.reopenings.looking.get(self.office.house.root, reopening)).reopening.closure
        return (await self.office.cases.looking.get(self.office.house.root, run)).run.approval if run else None

    async def _vote(self, approval: UUID) -> None:
        """As a client does: asked again as long as nobody answers."""
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


@pytest_asyncio.fixture(scope="module")
async def works(
    neighbourhood: House, store: PostgresStore, client: Client, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Works:  # fmt: skip
    """Every period is closed."""
    signed = SignedActs(kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem"), now)
    office = Office(neighbourhood, store, client, f"q-{secrets.token_hex(4)}", assertions=signed)
    await office.settle_in(AP, (2025,), len(PERIODS))
    made = Works(office, surroundings, tmp_path_factory.mktemp("reopener"))
    for period in PERIODS:
        await made.closed(period)
    return made


@dataclass(frozen=True)
class Killing:
    """The course of a reopening that nobody disturbed, and of one for each boundary."""

    calm: Course
    activities: list[str]
    exit_code: int
    disturbed: dict[tuple[int, str], Course]


@pytest_asyncio.fixture(scope="module")
async def killing(works: Works) -> Killing:
    """The calm one first: what a worker passed is written into one file."""
    calm = await works.ask(PERIODS[0])
    async with works.worker({}), asyncio.timeout(LONG):
        await works.carried_on(calm)
        await works.end(calm)
    passed = [line.split() for line in (works.folder / "passed").read_text().splitlines()]
    activities = [name.partition(".")[2] for which, _, name in passed if which == str(calm.id)]
    asked = await a_few_at_once([partial(works.ask, period) for period in PERIODS[1:]])
    doomed: dict[tuple[int, str], Reopening] = dict(zip(BOUNDARIES, asked, strict=True))
    async with asyncio.TaskGroup() as people, asyncio.timeout(LONG):
        for reopening in asked:
            people.create_task(works.carried_on(reopening))
        async with works.worker({str(each.id): order for order, each in doomed.items()}) as worker:
            exit_code = await worker.wait()
        async with works.worker({}):
            await asyncio.gather(*map(works.end, asked))
    courses = {boundary: await works.course(each) for boundary, each in doomed.items()}
    return Killing(await works.course(calm), activities, exit_code, courses)


@pytest.mark.req("FP56", "FP68")
class TestKilledWorker:
    def test_stood_at_every_boundary_there_is(self, killing: Killing) -> None:
        assert killing.activities == SHAPE
        assert killing.exit_code == -signal.SIGKILL

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_leaves_one_window_and_one_close(self, killing: Killing, boundary: tuple[int, str]) -> None:
        course = killing.disturbed[boundary]
        assert (course.state, course.recertified) == (ReopeningState.ENDED, ["certified"])
        assert (course.entries, course.certificates, course.closes) == (1, 1, 1)
        audited = course.audited
        assert [audited[each] for each in (Action.GATE_REOPENED, Action.GATE_FROZEN, Action.GATE_CLOSED)] == [1, 1, 1]

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_leaves_the_course_as_if_nothing_had_happened(
        self, killing: Killing, boundary: tuple[int, str]
    ) -> None:  # fmt: skip
        assert killing.disturbed[boundary] == killing.calm
