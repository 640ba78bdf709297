"""A worker that is killed at any activity of an approval or a rollout leaves no trace but the delay.

Every boundary has a rollout of its own, and a worker process is killed while each of them stands at its own: one before
their effects, another after the effects were committed and before Temporal heard of them. A clean worker then goes on.
"""

import asyncio
import json
import secrets
import signal
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
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
from tests.chaos.courses import Course, course_of, founded, managed, put
from tests.chaos.stories import ELSEWHERE, ENDS, SERVED, SHAPE, STORIES
from tests.conftest import House
from tests.workflow.theatre import EXPRESS, Clock, Theatre, now

SIDES = ("before", "after")
LEAST = 30
"""A canary has more boundaries than this."""
LONG = 240
pytestmark = pytest.mark.timeout(900)
Boundary = tuple[str, int, str]
BOUNDARIES: list[Boundary] = [
    (story, number, side) for story, shape in SHAPE.items() for number in range(1, len(shape) + 1) for side in SIDES
]


def named(boundary: Boundary) -> str:
    story, number, side = boundary
    return f"{story}-{number}-{side}-{SHAPE[story][number - 1]}"


@dataclass
class Killing:
    """The courses: of one rollout of each story that nobody disturbed, and of one for each boundary."""

    calm: dict[str, Course]
    exit_codes: list[int]
    disturbed: dict[Boundary, Course]


@dataclass(frozen=True)
class Workshop:
    """Where workers of one queue are started; `below` are the tenants of each change that is for others.

    `doomed` are the changes at whose boundaries its worker is killed.
    """

    theatre: Theatre
    env: dict[str, str]
    folder: Path
    start: str
    below: dict[UUID, list[UUID]] = field(default_factory=dict)
    doomed: dict[Boundary, UUID] = field(default_factory=dict)

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
        if story in ELSEWHERE:
            return await self._submit_elsewhere(story, key, wishes)
        await put(self.theatre, self.theatre.house.id, key)
        return await self.theatre.submit(key, **wishes)

    async def _submit_elsewhere(self, story: str, key: str, wishes: dict[str, Any]) -> UUID:
        """Two tenants of its own: what happens to another is not seen there."""
        below = await founded(self.theatre, 2, story)
        for tenant in below.values():
            await put(self.theatre, tenant, key)
        first, second = below
        plan = {**wishes["plan"], "audience": {"mode": "tenant", "include": [first]}}
        given = {**wishes, "plan": plan, "tenants": {"slugs": [first, second]}, "content": None, "base_version": 0}
        target = Wanted(Kind.FLAG, key, EXPRESS, None, "/targets/0")
        change = await self.theatre.submit("", **given, targets=(target,))
        self.below[change] = list(below.values())
        return change

    async def course(self, change: UUID) -> Course:
        return await course_of(self.theatre, self.below.get(change, []), change)

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

    async def killed(self) -> int:
        """How the worker ended in which every doomed change stood at its boundary."""
        orders = {str(change): (number, side) for (_, number, side), change in self.doomed.items()}
        async with self.worker(orders) as worker:
            return await asyncio.wait_for(worker.wait(), LONG)

    async def gone_on(self) -> None:
        async with self.worker({}):
            await self.ends(list(self.doomed.values()))

    async def ends(self, changes: list[UUID]) -> None:
        async with asyncio.timeout(LONG):
            await asyncio.gather(*(self.theatre.end(change) for change in changes))


@pytest_asyncio.fixture(scope="module")
async def workshops(
    neighbourhood: House, store: PostgresStore, client: Client, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Workshop]:  # fmt: skip
    """One for each side of a boundary, for a worker has room for a hundred activities at once."""
    made, start = [], now() - timedelta(hours=1)
    for side in SIDES:
        theatre = Theatre(
            neighbourhood, store, client, f"q-{secrets.token_hex(4)}", ScriptedSource(start), Clock(client), store
        )
        theatre.assertions = SignedActs(kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem"), theatre.time)
        theatre.acting = Acting(store, theatre.assertions, theatre.time)
        theatre.approvals = Approvals(store, theatre.processes, theatre.acting)
        made.append(Workshop(theatre, surroundings, tmp_path_factory.mktemp(side), start.isoformat()))
    await managed(made[0].theatre)
    return made


@pytest_asyncio.fixture(scope="module")
async def killing(workshops: list[Workshop]) -> Killing:
    calm, exit_codes = await undisturbed(workshops[0]), []
    async with asyncio.TaskGroup() as afterwards:
        for workshop, side in zip(workshops, SIDES, strict=True):
            doomed = [each for each in BOUNDARIES if each[2] == side]
            changes = await workshop.submitted([story for story, *_ in doomed])
            workshop.doomed.update(zip(doomed, changes, strict=True))
            for (story, *_), change in workshop.doomed.items():
                if story == "approval":
                    afterwards.create_task(workshop.vote(change))
            exit_codes.append(await workshop.killed())
            afterwards.create_task(workshop.gone_on())
    disturbed = {
        boundary: await workshop.course(change)
        for workshop in workshops
        for boundary, change in workshop.doomed.items()
    }
    return Killing(calm, exit_codes, disturbed)


async def undisturbed(workshop: Workshop) -> dict[str, Course]:
    changes = dict(zip(STORIES, await workshop.submitted(list(STORIES)), strict=True))
    async with workshop.worker({}):
        await asyncio.wait_for(workshop.vote(changes["approval"]), 30)
        await workshop.ends(list(changes.values()))
    passed = [line.split() for line in workshop.passed.read_text().splitlines()]
    activities = {
        story: [name.partition(".")[2] for found, _, name in passed if found == str(change)]
        for story, change in changes.items()
    }
    assert activities == SHAPE, "otherwise there are boundaries that nobody reaches"
    return {story: await workshop.course(change) for story, change in changes.items()}


@pytest.mark.req("S71", "SM-D2")
class TestKilledWorker:
    def test_stood_at_every_boundary_there_is(self, killing: Killing) -> None:
        assert sum(story == "success" for story, *_ in BOUNDARIES) > LEAST
        assert set(killing.disturbed) == set(BOUNDARIES)
        assert killing.exit_codes == [-signal.SIGKILL] * 2

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
