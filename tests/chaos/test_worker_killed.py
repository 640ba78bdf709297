"""A worker that is killed at any activity of an approval or a rollout leaves no trace but the delay.

Every boundary has a rollout of its own, and one worker process is killed while each of them stands at its own: before
its effect, or after the effect was committed and before Temporal heard of it. A clean worker then goes on.
"""

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from adapters.memory.metrics import ScriptedSource
from adapters.postgres.store import PostgresStore
from application.acting import Acting
from application.approvals import Approvals, VoteWish
from application.drafts.wanted import Wanted
from domain.approvals import AlreadyVoted, Answer, Level
from domain.audit import Action
from domain.changes import Kind
from domain.errors import Unavailable
from tests.chaos.conftest import a_few_at_once, running
from tests.chaos.courses import Course, course_of, founded, put
from tests.chaos.stories import ENDS, SERVED, SHAPE, STORIES
from tests.conftest import House
from tests.workflow.theatre import EXPRESS, Clock, Theatre, now

Boundary = tuple[str, int, str]
BOUNDARIES: list[Boundary] = [
    (story, number, side)
    for story, shape in SHAPE.items()
    for number in range(1, len(shape) + 1)
    for side in ("before", "after")
]


def named(boundary: Boundary) -> str:
    story, number, side = boundary
    return f"{story}-{number}-{side}-{SHAPE[story][number - 1]}"


@dataclass
class Killing:
    """The courses: of one rollout of each story that nobody disturbed, and of one for each boundary."""

    activities: dict[str, list[str]]
    calm: dict[str, Course]
    exit_code: int
    disturbed: dict[Boundary, Course]


@dataclass(frozen=True)
class Workshop:
    """Where workers of one queue are started."""

    theatre: Theatre
    env: dict[str, str]
    folder: Path
    start: str
    below: list[UUID]

    def worker(self, orders: dict[str, tuple[int, str]]) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        file = self.folder / "orders.json"
        file.write_text(json.dumps(orders))
        return running(
            *("-m", "tests.chaos.doomed_worker", self.theatre.queue, str(file), self.start, str(self.passed)),
            env=self.env,
            log=self.folder / "worker.log",
        )

    @property
    def passed(self) -> Path:
        return self.folder / "passed"

    async def submit(self, story: str) -> UUID:
        key, wishes = f"flag-{secrets.token_hex(4)}", STORIES[story]
        alone = "tenants" not in wishes
        for tenant in [self.theatre.house.id] if alone else self.below:
            await put(self.theatre, tenant, key)
        if alone:
            return await self.theatre.submit(key, **wishes)
        target = Wanted(Kind.FLAG, key, EXPRESS, None, "/targets/0")
        return await self.theatre.submit("", **wishes, targets=(target,), content=None, base_version=0)

    async def submitted(self, stories: list[str]) -> list[UUID]:
        """One change for each story, in order; approvals ask two levels, rollouts nobody."""
        changes: list[UUID] = [UUID(int=0)] * len(stories)
        for asks, levels in ((True, (Level(), Level())), (False, ())):
            await self.theatre.policy(*levels)
            places = [place for place, story in enumerate(stories) if (story == "approval") is asks]
            found = await a_few_at_once([partial(self.submit, stories[place]) for place in places])
            for place, change in zip(places, found, strict=True):
                changes[place] = change
        return changes

    async def looked(self, change: UUID) -> None:
        """Until the approval has begun to look: votes that came before would run beside that, in either order."""
        begun = f"{change} 1 "
        while not (self.passed.exists() and begun in self.passed.read_text()):  # noqa: ASYNC110 -- another process sets no event of ours
            await asyncio.sleep(0.05)

    async def vote(self, change: UUID) -> None:
        """As a client does: asked again as long as nobody answers."""
        await self.looked(change)
        for voter in (self.theatre.house.bob, self.theatre.house.cyd):
            while True:
                try:
                    await self.theatre.approvals.vote(voter, change, VoteWish(Answer.APPROVE))
                except Unavailable:
                    await asyncio.sleep(0.1)
                except AlreadyVoted:  # what was not answered had been counted, and had completed its level
                    break
                else:
                    break

    async def ends(self, changes: list[UUID]) -> None:
        async with asyncio.timeout(120):
            await asyncio.gather(*(self.theatre.end(change) for change in changes))


@pytest_asyncio.fixture(scope="module")
async def workshop(
    neighbourhood: House, store: PostgresStore, client: Client, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Workshop:  # fmt: skip
    start = now() - timedelta(hours=1)
    theatre = Theatre(
        neighbourhood, store, client, f"q-{secrets.token_hex(4)}", ScriptedSource(start), Clock(client), store
    )
    theatre.assertions = SignedActs(kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem"), theatre.time)
    theatre.acting = Acting(store, theatre.assertions, theatre.time)
    theatre.approvals = Approvals(store, theatre.processes, theatre.acting)
    return Workshop(
        theatre, surroundings, tmp_path_factory.mktemp("workers"), start.isoformat(), await founded(theatre, 2)
    )


@pytest_asyncio.fixture(scope="module")
async def killing(workshop: Workshop) -> AsyncIterator[Killing]:
    calm = dict(zip(STORIES, await workshop.submitted(list(STORIES)), strict=True))
    async with workshop.worker({}):
        await asyncio.wait_for(workshop.vote(calm["approval"]), 30)
        await workshop.ends(list(calm.values()))
    passed = [line.split() for line in workshop.passed.read_text().splitlines()]
    activities = {
        story: [name.partition(".")[2] for found, _, name in passed if found == str(change)]
        for story, change in calm.items()
    }
    doomed = dict(zip(BOUNDARIES, await workshop.submitted([story for story, *_ in BOUNDARIES]), strict=True))
    orders = {str(change): (number, side) for (_, number, side), change in doomed.items()}
    async with asyncio.TaskGroup() as voting:
        for (story, *_), change in doomed.items():
            if story == "approval":
                voting.create_task(workshop.vote(change))
        async with workshop.worker(orders) as worker:
            exit_code = await asyncio.wait_for(worker.wait(), 120)
        async with workshop.worker({}):
            await workshop.ends(list(doomed.values()))
    yield Killing(
        activities,
        {story: await course_of(workshop.theatre, workshop.below, change) for story, change in calm.items()},
        exit_code,
        {boundary: await course_of(workshop.theatre, workshop.below, change) for boundary, change in doomed.items()},
    )


@pytest.mark.req("S71", "SM-D2")
class TestKilledWorker:
    def test_stood_at_every_boundary_there_is(self, killing: Killing) -> None:
        assert killing.activities == SHAPE
        assert len(BOUNDARIES) >= 25
        assert set(killing.disturbed) == set(BOUNDARIES)
        assert killing.exit_code == -signal.SIGKILL

    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_leaves_the_course_as_if_nothing_had_happened(self, killing: Killing, boundary: Boundary) -> None:
        story = boundary[0]
        course = killing.disturbed[boundary]
        assert course.ended == ENDS[story]
        assert course.served == SERVED[story]
        assert course == killing.calm[story]

    @pytest.mark.req("I4", "AU-01")
    @pytest.mark.parametrize("boundary", BOUNDARIES, ids=named)
    def test_doubles_nothing(self, killing: Killing, boundary: Boundary) -> None:
        course = killing.disturbed[boundary]
        names = [step for step, *_ in course.steps]
        assert course.moves == sorted(set(names))
        assert len(names) == len(set(names))
        assert len(course.origins) == len(set(course.origins))
        assert course.audited[Action.FLAG_EXPOSED] + course.audited[Action.FLAG_RESTORED] == len(course.origins)
        assert course.checks == list(range(1, len(course.checks) + 1))
        assert course.audited[Action.VOTE_CAST] == len(course.voters) == len(set(course.voters))
