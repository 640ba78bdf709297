"""A close whose worker is killed after any activity, and whose process is terminated then, is found and closed once.

Every activity has a period of its own. The process of each close is terminated while no worker runs, so that the vote
that it began is still there when another process of the close comes to the same vote.
"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from application.period_recovery import PeriodRecovery
from domain.audit import Action
from domain.closures import ClosureRun, RunState
from domain.periods import Status
from tests.chaos.conftest import a_few_at_once, eventually
from tests.chaos.test_close_killed import BOUNDARIES, LONG, Course, Works, named
from tests.conftest import House
from tests.workflow.office import AP, Office
from tests.workflow.test_closes_found_again import Own
from tests.workflow.theatre import now

LOST = [(number, side) for number, side in BOUNDARIES if side == "after"]
"""Nothing that was under way before its effect is tried again, once its process is terminated."""
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Losing:
    """How the worker ended, and the course of the close of each boundary."""

    exit_code: int
    terminated: int
    courses: dict[tuple[int, str], Course]
    carried_on: int


@pytest_asyncio.fixture(scope="module")
async def works(
    neighbourhood: House, engine: AsyncEngine, client: Client, surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Works:  # fmt: skip
    signed = SignedActs(kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem"), now)
    store = Own(engine)
    store.house = neighbourhood.id
    office = Office(neighbourhood, store, client, f"q-{secrets.token_hex(4)}", assertions=signed)
    await office.settle_in(AP, (2025,), len(LOST))
    return Works(office, surroundings, tmp_path_factory.mktemp("closer"))


@asynccontextmanager
async def looked_for(office: Office) -> AsyncIterator[None]:
    """By the loop of a worker that lives."""
    store = office.store
    assert isinstance(store, Own)
    loop = asyncio.create_task(PeriodRecovery(store, office.processes, pause=0.5).run())
    yield
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop


async def terminated(office: Office, run: ClosureRun) -> bool:
    """False for one that had ended by then."""
    try:
        await office.handle(run).terminate("by hand")
    except RPCError:
        return False
    return True


async def runs(office: Office, run: ClosureRun) -> bool:
    return (await office.handle(run).describe()).status is WorkflowExecutionStatus.RUNNING


@pytest_asyncio.fixture(scope="module")
async def losing(works: Works) -> Losing:
    office, periods = works.office, [f"2025-{month:02}" for month in range(1, 13)]
    starts = [partial(office.start, period) for period in periods[: len(LOST)]]
    doomed = dict(zip(LOST, await a_few_at_once(starts), strict=True))
    async with asyncio.TaskGroup() as votes, asyncio.timeout(2 * LONG):
        for run in doomed.values():
            votes.create_task(works.vote(run))
        async with works.worker({run.period_code: order for order, run in doomed.items()}) as worker:
            exit_code = await worker.wait()
        gone = await asyncio.gather(*(terminated(office, run) for run in doomed.values()))

        async def closed() -> bool:
            views = [await office.view(run) for run in doomed.values()]
            return all(view.run.state is RunState.CLOSED for view in views)

        async with works.worker({}), looked_for(office):
            await eventually(closed, LONG)

            async def ended() -> bool:
                return not any([await runs(office, run) for run in doomed.values()])

            await eventually(ended)
            carried_on = await PeriodRecovery(office.store, office.processes).look()
    courses = {boundary: await works.course(run) for boundary, run in doomed.items()}
    return Losing(exit_code, sum(gone), courses, carried_on)


@pytest.mark.req("FP56")
class TestLostClose:
    def test_was_terminated_after_its_worker_was_killed(self, losing: Losing) -> None:
        assert losing.exit_code == -signal.SIGKILL
        assert losing.terminated == len(LOST)

    def test_is_left_alone_once_it_is_over(self, losing: Losing) -> None:
        assert losing.carried_on == 0

    @pytest.mark.parametrize("boundary", LOST, ids=named)
    def test_is_closed_once(self, losing: Losing, boundary: tuple[int, str]) -> None:
        course = losing.courses[boundary]
        assert (course.state, course.certificates) == (RunState.CLOSED, 1)
        assert sorted(course.gates, key=lambda gate: gate[1]) == [
            (Status.OPEN, 1), (Status.OPEN, 2), (Status.CLOSED, 3)
        ]  # fmt: skip
        assert course.audited[Action.GATE_CLOSED] == 1
        names = [name for name, *_ in course.steps]
        assert len(names) == len(set(names))
