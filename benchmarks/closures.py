"""One close from its request to its certificate, and what it leaves in Temporal, beside an update that only answers.

Everything that people and modules do is done over HTTP, one after another: tasks, acknowledgements and votes.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle, WorkflowHistoryEventFilterType
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.temporal.client import connect
from benchmarks.closing_books import ENTITY, PERIOD, SCOPES, TEMPLATE, WHY, elsewhere, furnished, person, tasks_of
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from domain.closures import ClosureRun, RunState

TASKS, REMOTE, ENTRIES = 200, 45, 1_000
SPENT = {"entries": 2, "totals": [{"currency": "EUR", "debit": "10.05", "credit": "10.05"}]}
VOTERS = ("bob", "cyd")


@workflow.defn
class Answering:
    """What Temporal itself takes for one update, and keeps of it."""

    def __init__(self) -> None:
        self._done = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._done)

    @workflow.update
    def touch(self) -> None:
        """Nothing is done."""

    @workflow.signal
    def finish(self) -> None:
        self._done = True


@dataclass(frozen=True)
class Left:
    """What a workflow left in Temporal, over all the runs that it went on in."""

    runs: int = 0
    events: int = 0
    size: int = 0


@dataclass(frozen=True)
class Phase:
    """`left`: all that the workflow had left when it was over."""

    name: str
    seconds: float
    left: Left


@dataclass
class Course:
    """The phases of one close, and the seconds of each thing that was done in it."""

    phases: list[Phase] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks closures")
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--remote", type=int, default=REMOTE, help="modules beside the five in the database")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="in each of the five journals")
    asked = parser.parse_args()
    asyncio.run(_measured(asked.tasks, asked.remote, asked.entries))


async def _measured(tasks: int, remote: int, entries: int) -> None:
    async with house() as home:
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        await home.worker()
        by = await furnished(home, entries)
        speakers = await elsewhere(home, by, remote)
        keys = await tasks_of(home, by, await person(home, "own"), tasks)
        client = await connect(home.stack.endpoints.temporal_address)
        floor, bare = await _floor(client, tasks)
        async with httpx2.AsyncClient(base_url=f"{home.api}/api/v1", trust_env=False, timeout=120) as http:
            run, course = await Closer(home, client, http).close(speakers, keys)
        vote = await _left(client, f"approval/{run.approval}")
    title = f"one close of {len(SCOPES)} scopes, {len(SCOPES) + remote} modules, {tasks} tasks, on {hardware()}"
    print_table(title, ("phase", "seconds", "runs", "events", "bytes"), _phases(course, vote))
    frozen, heard, worked = (phase.left for phase in course.phases[:3])
    rows = [
        ("bare Temporal update", *_shown(floor), *_share(Left(), bare, tasks)),
        ("a fence acknowledged, over HTTP", *_shown(course.acknowledged), *_share(frozen, heard, remote)),
        ("a task done, over HTTP", *_shown(course.done), *_share(heard, worked, tasks)),
    ]
    print_table("milliseconds, one after another, and what each left in Temporal",
                ("what", "p50", "p95", "p99", "events", "bytes"), rows)  # fmt: skip


@dataclass
class Closer:
    home: House
    client: Client
    http: httpx2.AsyncClient

    async def close(self, speakers: Mapping[str, str], keys: Sequence[str]) -> tuple[ClosureRun, Course]:
        course, began = Course(), time.perf_counter()

        async def passed(phase: str) -> None:
            nonlocal began
            seconds = time.perf_counter() - began
            course.phases.append(Phase(phase, seconds, await _left(self.client, run.workflow_id)))
            began = time.perf_counter()

        wish = {"entity": ENTITY, "period": PERIOD, "template": TEMPLATE, "reason": WHY}
        close = UUID((await self._post("fin", "/period-closures", wish))["id"])
        run = await self._until(close, RunState.FREEZING, RunState.TASKS)
        await passed("asked for, looked at, gates frozen")
        for module, speaker in speakers.items():
            course.acknowledged.append(await self._acknowledge(close, module, speaker))
        await self._until(close, RunState.TASKS)
        await passed("every module acknowledged")
        for key in keys:
            at = time.perf_counter()
            await self._post("own", f"/period-closures/{close}/tasks/{key}/complete", {})
            course.done.append(time.perf_counter() - at)
        await passed("every task done")
        approval = (await self._until(close, RunState.AWAITING_APPROVAL)).approval
        await self._known(f"approval/{approval}")
        await passed("checked, approval asked for")
        for handle in VOTERS:
            await self._post(handle, f"/approvals/{approval}/approve", {})
        await passed("voted")
        run = await self._until(close, RunState.CLOSED)
        await self.client.get_workflow_handle(run.workflow_id).result()
        await passed("closed, with its certificate")
        return run, course

    async def _acknowledge(self, run: UUID, module: str, speaker: str) -> float:
        """Seconds of the acknowledgement alone; the speaker looks first what is asked of it."""
        query = {"module": module, "run": str(run), "outstanding": "true"}
        answer = await self.http.get("/module-fences", params=query, headers=self._as(speaker))
        answer.raise_for_status()
        (fence,) = answer.json()["items"]
        began = time.perf_counter()
        await self._post(speaker, f"/module-fences/{fence['id']}/acknowledgement", {"epoch": fence["epoch"], **SPENT})
        return time.perf_counter() - began

    async def _post(self, handle: str, path: str, body: object) -> Any:
        answer = await self.http.post(path, json=body, headers=self._as(handle))
        if answer.is_error:
            raise RuntimeError(answer.text[:500])
        return answer.json()

    def _as(self, handle: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.home.token(handle)}"}

    async def _until(self, run: UUID, *states: RunState) -> ClosureRun:
        while True:
            async with self.home.store.transaction(self.home.tenant.id) as tx:
                found = await tx.closures.get(run)
            if found is not None and found.state in states:
                return found
            if found is not None and found.over:
                raise RuntimeError(found.state)
            await asyncio.sleep(0.01)

    async def _known(self, workflow_id: str) -> None:
        while True:
            try:
                await self.client.get_workflow_handle(workflow_id).describe()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                await asyncio.sleep(0.01)
            else:
                return


async def _floor(client: Client, times: int) -> tuple[list[float], Left]:
    queue, taken = f"floor-{uuid4()}", []
    async with Worker(client, task_queue=queue, workflows=[Answering], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await client.start_workflow(Answering.run, id=queue, task_queue=queue)
        for _ in range(times):
            began = time.perf_counter()
            await handle.execute_update(Answering.touch)
            taken.append(time.perf_counter() - began)
        await handle.signal(Answering.finish)
        await handle.result()
    return taken, await _left(client, queue)


async def _left(client: Client, workflow_id: str) -> Left:
    """Until now, from its first run on, as each was continued."""
    newest = await client.get_workflow_handle(workflow_id).describe()
    follows, runs, events, size = newest.raw_description.workflow_execution_info.first_run_id, 0, 0, 0
    while follows:
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id, run_id=follows)
        told = (await handle.describe()).raw_description.workflow_execution_info
        runs, events, size = runs + 1, events + told.history_length, size + told.history_size_bytes
        ends = handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT)
        follows = ""
        async for last in ends:  # none while it runs
            follows = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return Left(runs, events, size)


def _phases(course: Course, vote: Left) -> list[tuple[str, ...]]:
    """What each left, then all of it, and the approval, which is a workflow of its own."""
    before, rows = Left(), []
    for each in course.phases:
        rows.append((each.name, f"{each.seconds:.2f}", *_told(before, each.left)))
        before = each.left
    rows.append(("the whole close", f"{sum(each.seconds for each in course.phases):.2f}", *_told(Left(), before)))
    return [*rows, ("its approval", "", *_told(Left(), vote))]


def _told(before: Left, left: Left) -> tuple[str, str, str]:
    return str(left.runs - before.runs), f"{left.events - before.events:,}", f"{left.size - before.size:,}"


def _share(before: Left, left: Left, among: int) -> tuple[str, str]:
    """Of one."""
    if not among:
        return ("", "")
    return f"{(left.events - before.events) / among:.1f}", f"{(left.size - before.size) / among:,.0f}"


def _shown(seconds: Sequence[float]) -> tuple[str, str, str]:
    if len(seconds) < 2:
        return ("", "", "")
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    p50, p95, p99 = (f"{cuts[percent - 1] * 1e3:.0f}" for percent in (50, 95, 99))
    return p50, p95, p99


if __name__ == "__main__":
    main()
