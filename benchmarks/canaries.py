"""Two hundred canaries at once on one worker: how late their checks are, what they hold, and what a new run loses."""

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy

from adapters.temporal.client import always, connect
from adapters.temporal.processes import MOST_EVENTS, TemporalProcesses
from application.changes import Changes
from application.ports.records import StoredFlag, TelemetryBatch, TelemetrySample
from application.proposals import Proposal
from application.submission import Submission
from application.telemetry import TelemetrySource
from benchmarks.house import House, house
from benchmarks.measure import print_table
from benchmarks.waiting import megabytes
from domain.environments import Environment
from domain.rollouts import Rollout, State
from workflows.messages import RolloutRequest

CANARIES = 200
MINUTES = 10.0
INTERVAL = 60.0
SHORT = 100
"""Events of one run here, so that ten minutes see new runs."""
AT_ONCE = 8
CLASSIC = {"state": "ENABLED", "variants": {"a": "a", "b": "b"}, "defaultVariant": "a"}
LE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, float("inf"))
SHARES = (20, 30, 30, 10, 6, 3, 1, 0)
"""Per cent of the requests in each bucket."""
WORDS = """\
  Eleven events are one check: two of the timer (started, fired), three of the activity (scheduled, started, completed),
  and three of each workflow task (scheduled, started, completed), one after the timer and one after the answer. The
  rest is what a run begins with and what the steps of the rollout write. None of them carries what was read: a check
  answers with a verdict and a sentence, readings and evidence are in the database."""


class ShortRuns(TemporalProcesses):
    """The same rollouts, which go on in a new run sooner."""

    def __init__(self, client: Client, most_events: int) -> None:
        super().__init__(always(client))
        self._most_events = most_events

    async def _start(
        self, rollout: Rollout, request: RolloutRequest, requester: str, again: WorkflowIDReusePolicy
    ) -> None:
        await super()._start(rollout, replace(request, most_events=self._most_events), requester, again)


@dataclass
class Course:
    """One canary as its histories tell it: seconds that its checks were late, and that each took."""

    runs: int = 0
    events: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks canaries", description=__doc__)
    parser.add_argument("--canaries", type=int, default=CANARIES)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after the first check of the last canary")
    parser.add_argument("--interval", type=float, default=INTERVAL, help="seconds between two checks")
    parser.add_argument("--most-events", type=int, default=SHORT, help="events of one run")
    asyncio.run(_measured(parser.parse_args()))


async def _measured(options: argparse.Namespace) -> None:
    keys = [f"canary-{number:03}" for number in range(options.canaries)]
    async with house() as home:
        await home.worker()
        await _put(home, keys)
        client = await connect(home.stack.endpoints.temporal_address)
        empty = _sizes(home)
        telling = asyncio.create_task(_tell(home, keys, options.interval / 2))
        began = time.perf_counter()
        rollouts = await _begun(home, ShortRuns(client, options.most_events), keys, options.interval)
        submitted = time.perf_counter() - began
        await _checked(home, rollouts)
        since = datetime.now(UTC)
        await asyncio.sleep(60 * options.minutes)
        until, full = datetime.now(UTC), _sizes(home)
        if telling.done():
            await telling
        telling.cancel()
        courses = [await _course(client, rollout, since, until) for rollout in rollouts]
        kept = [await _kept(home, rollout) for rollout in rollouts]
    _print(options, courses, {name: (empty[name], full[name]) for name in full}, submitted)
    whole = sum(numbers == list(range(1, len(numbers) + 1)) for numbers, _ in kept)
    running = sum(state is State.RUNNING for _, state in kept)
    print(f"  evidence without a gap: {whole} of {len(kept)}; still running: {running} of {len(kept)}")


async def _put(home: House, keys: Sequence[str]) -> None:
    async with home.store.transaction(home.tenant.id) as tx:
        for key in keys:
            flag = StoredFlag(Environment.DEV, key, 1, CLASSIC, "benchmark", None, tx.now)
            await tx.flags.put(flag, expected=0)


async def _begun(home: House, processes: TemporalProcesses, keys: Sequence[str], interval: float) -> list[UUID]:
    changes, gate = Changes(home.store, TelemetrySource(home.store)), asyncio.Semaphore(AT_ONCE)
    submission, ada = Submission(home.store, processes), home.people["ada"]

    async def one(key: str) -> UUID:
        proposal = Proposal(
            uuid4(), Environment.DEV, key, {**CLASSIC, "defaultVariant": "b"}, 1, _plan(interval), _gates(key),
            {"source": "telemetry"}, "to be measured",
        )  # fmt: skip
        async with gate:
            change = await changes.propose(ada, proposal)
            return (await submission.submit(ada, change.id)).rollout.id

    return list(await asyncio.gather(*(one(key) for key in keys)))


def _plan(interval: float) -> dict[str, Any]:
    """Nobody is asked, and nothing rises while it is measured."""
    stages = [{"percent": percent, "min_soak_seconds": 86_400, "max_soak_seconds": 172_800} for percent in (10, 100)]
    return {"strategy": "canary", "stages": stages, "check_interval_seconds": interval,
            "initial_delay_seconds": interval, "converge": 0}  # fmt: skip


def _gates(key: str) -> dict[str, Any]:
    """Errors, latency twice, a signal and an info: five metrics, from three places."""
    return {
        "error_rate": {}, "latency": {}, "tail_latency": {},
        "signals": [{"name": "payments", "error_rate": {}, "metrics": {"key": f"{key}-payments"}}],
        "infos": [{"name": "searches", "error_rate": {}, "metrics": {"key": f"{key}-searches"}}],
    }  # fmt: skip


async def _tell(home: House, keys: Sequence[str], pause: float) -> None:
    """What applications would report, a tenth of it of the candidate, and as good as the rest."""
    source, number = uuid4(), 0
    while True:
        async with home.store.transaction(home.tenant.id) as tx:
            samples = tuple(
                TelemetrySample(
                    Environment.DEV, key + suffix, variant, tx.now, 100 * many, many,
                    tuple((le, share * many) for le, share in zip(LE, SHARES, strict=True)),
                )
                for key in keys for suffix in ("", "-payments", "-searches") for variant, many in (("a", 9), ("b", 1))
            )  # fmt: skip
            await tx.telemetry.add(TelemetryBatch(source, f"{number}", samples))
        number += 1
        await asyncio.sleep(pause)


async def _checked(home: House, rollouts: Sequence[UUID]) -> None:
    """Until each has been judged once."""
    for rollout in rollouts:
        for _ in range(6_000):
            async with home.store.transaction(home.tenant.id) as tx:
                if await tx.evidence.latest(rollout) is not None:
                    break
            await asyncio.sleep(0.1)
        else:
            raise TimeoutError(f"{rollout} was never checked")


async def _kept(home: House, rollout: UUID) -> tuple[list[int], State]:
    async with home.store.transaction(home.tenant.id) as tx:
        present = await tx.rollouts.get(rollout)
        assert present is not None
        return [check.number for check in await tx.evidence.all(rollout)], present.state


async def _course(client: Client, rollout: UUID, since: datetime, until: datetime) -> Course:
    """All runs of it, counted back from the last."""
    course, name = Course(), f"rollout/{rollout}"
    run = (await client.get_workflow_handle(name).describe()).run_id
    while run:
        events = (await client.get_workflow_handle(name, run_id=run).fetch_history()).events
        course.runs += 1
        course.events.update(EventType.Name(event.event_type) for event in events)
        _follow(course, events, (since, until))
        run = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return course


def _follow(course: Course, events: Sequence[HistoryEvent], between: tuple[datetime, datetime]) -> None:
    """A check is due when its timer is, and done when its answer is in the history."""
    timers: dict[str, datetime] = {}
    checks: dict[int, tuple[datetime, datetime]] = {}
    due: datetime | None = None
    for event in events:
        at = event.event_time.ToDatetime(UTC)
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            timer = event.timer_started_event_attributes
            timers[timer.timer_id] = at + timer.start_to_fire_timeout.ToTimedelta()
        elif event.event_type == EventType.EVENT_TYPE_TIMER_FIRED:
            due = timers[event.timer_fired_event_attributes.timer_id]
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED and due is not None:
            if event.activity_task_scheduled_event_attributes.activity_type.name == "rollout.check":
                checks[event.event_id] = due, at
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            found = checks.pop(event.activity_task_completed_event_attributes.scheduled_event_id, None)
            if found is not None and between[0] <= found[0] <= between[1]:
                course.late.append((at - found[0]) / timedelta(seconds=1))
                course.took.append((at - found[1]) / timedelta(seconds=1))


def _sizes(home: House) -> dict[str, float]:
    return {name: megabytes(home.stack.children[name].pid) for name in ("worker", "temporal")}


def _print(
    options: argparse.Namespace, courses: Sequence[Course], sizes: dict[str, tuple[float, float]], submitted: float
) -> None:
    late, took = (sorted(value for each in courses for value in getattr(each, name)) for name in ("late", "took"))
    title = f"{len(courses)} canaries of five metrics, a check each {options.interval:g} s, {options.minutes:g} minutes"
    rows = [
        ("check done after it was due, ms", *_shown(late)),
        ("of it from its task to its answer, ms", *_shown(took)),
    ]
    print_table(f"{title}: {len(late):,} checks", ("what", "p50", "p95", "max"), rows)
    checks = [each.events["EVENT_TYPE_TIMER_FIRED"] for each in courses]
    totals = [each.events.total() for each in courses]
    rows = [("submitted, a second", f"{len(courses) / submitted:.0f}", "", "")]
    rows += [
        (f"{name}, resident MB: empty, full", f"{before:.0f}", f"{after:.0f}", "")
        for name, (before, after) in sizes.items()
    ]
    runs = [each.runs for each in courses]
    many = (f"{min(runs)}", f"{statistics.median(runs):.0f}", f"{max(runs)}")
    rows.append(("runs of a canary: least, median, most", *many))
    each_timer = statistics.median(total / max(1, timers) for total, timers in zip(totals, checks, strict=True))
    events = (f"{statistics.median(totals):.0f}", f"{statistics.median(checks):.0f}", f"{each_timer:.1f}")
    rows.append(("events of a canary, timers fired, events a timer", *events))
    print_table(
        f"a run has at most {options.most_events} events here, and {MOST_EVENTS:,} otherwise",
        ("what", "", "", ""),
        rows,
    )
    types = sum((each.events for each in courses), Counter())
    told = (
        f"{kind.removeprefix('EVENT_TYPE_').lower()} {many / len(courses):.1f}" for kind, many in types.most_common()
    )
    print("  in the mean: " + ", ".join(told))
    print(WORDS)


def _shown(seconds: Sequence[float]) -> tuple[str, str, str]:
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    return f"{statistics.median(seconds) * 1e3:.0f}", f"{p95 * 1e3:.0f}", f"{seconds[-1] * 1e3:.0f}"


if __name__ == "__main__":
    main()
