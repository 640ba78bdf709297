"""The worker process: bootstrap, then Worker(...).run(), until it is told to stop and has drained."""

import asyncio
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.approvals import ApprovalActivities
from activities.bulks import BulkActivities
from activities.closure_series import SeriesActivities
from activities.closures import ClosureActivities
from activities.command_repairs import CommandRepairActivities
from activities.commands import CommandActivities
from activities.converging import ConvergingActivities
from activities.imports import ImportActivities
from activities.long_commands import LongCommandActivities
from activities.reopenings import ReopeningActivities
from activities.restoring import RestoringActivities
from activities.rollouts import RolloutActivities
from activities.sagas import SagaActivities
from activities.smoking import SmokeActivities
from adapters.egress.client import EgressClient
from adapters.identity.bundles import bundle_signatures
from adapters.logs import configure
from adapters.settings import Settings
from adapters.temporal.chunks import TemporalChunks, chunk_worker
from adapters.temporal.client import always, connect, prepare
from adapters.temporal.command_runs import TemporalCommandRuns
from adapters.temporal.line import Line
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.sagas import TemporalSagas, saga_worker
from adapters.temporal.signals import TemporalSignals
from adapters.temporal.standalone_runs import TemporalStandaloneRuns
from adapters.temporal.worker import build_worker
from api.breaker_meters import BreakerMeters
from api.command_meters import CommandMeters
from api.delivery_meters import DeliveryMeters
from api.deployment_meters import DeploymentMeters, serve
from application.admission import Admitting
from application.balloting import Balloting
from application.bulks.carrying import Carrying
from application.closures.moved_books import TellingOfBooks
from application.commands.breaking import MOVES
from application.commands.executing import Executing
from application.commands.lasting import Lasting
from application.commands.pace import UNWATCHED_SECONDS, WATCHED_SECONDS, Look, Pace, Pacing
from application.commands.purging import Purging
from application.commands.relaying import CommandRelay
from application.commands.repair_recovery import CommandRepairRecovery
from application.commands.repairing import Repairing
from application.commands.sweeping import CommandSweeper
from application.controls import Controlling
from application.convergence import Converging
from application.couriers import Courier
from application.deployments.measuring import Measuring
from application.events.relay import Relay
from application.flag_impact.forgetting import Forgetting
from application.gating import Gating
from application.locking.turns import Turns
from application.period_recovery import PeriodRecovery
from application.periods.opening import Opening
from application.previewing import Previewing
from application.progression import Progression
from application.recovery import Recovery
from application.restoring import Restoring
from application.reviewing import Overdue
from application.sagas.carrying import CarryingSagas
from application.sagas.relaying import SagaRelay
from application.settings.moving import importing
from application.smoking import Smoking
from bootstrap import Parts, clock, parts

TELL_EVERY_SECONDS = 60
LONGEST_SMOKE_SECONDS = 3600.0
DRAINS = timedelta(seconds=15)
"""How long a command that is being executed may take yet; it counts as never tried when it takes longer."""
DENIED = {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED}

_ENVELOPE = re.compile(r", metadata: MetadataMap .*(?=, source: )")
"""The headers of a refused call, among them the time of day: no part of its cause, and never twice the same."""

log = structlog.get_logger()


class Causes:
    """What keeps us waiting is told at once when it is new, and once a minute while it stays."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: tuple[str, float] | None = None

    def tells(self, cause: str) -> bool:
        now = self._clock()
        if self._told is not None and self._told[0] == cause and now - self._told[1] < TELL_EVERY_SECONDS:
            return False
        self._told = (cause, now)
        return True


async def reach(settings: Settings) -> Client:
    """The client, as soon as Temporal answers: a worker may be started before its server and its namespace.

    SystemExit with a sentence when Temporal says that this login may not: waiting changes no right.
    """
    line, pause, causes = Line.of(settings), 0.2, Causes()
    while True:
        try:
            client = await connect(line)
            await prepare(client)
        except (RuntimeError, RPCError) as error:
            if isinstance(error, RPCError) and error.status in DENIED:
                where = f"the namespace {line.namespace} at {line.address}"
                raise SystemExit(f"Temporal does not let this login prepare {where}: {error}.") from None
            cause = _ENVELOPE.sub("", str(error))
            if causes.tells(cause):
                log.warning("temporal.not_yet", address=line.address, error=cause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
        else:
            return client


async def run(made: Parts, stop: asyncio.Event) -> None:
    approvals = ApprovalActivities(Balloting(made.store, made.verifier))
    rollouts = RolloutActivities(
        Progression(made.store),
        Gating(made.store, made.metrics),
        Controlling(made.store, made.verifier),
        Admitting(made.store, made.metrics),
    )
    client = await reach(made.settings)
    processes = TemporalProcesses(always(client))
    imports = ImportActivities(importing(made.store, processes, made.sealer, bundle_signatures(made.settings)))
    sweeps = [asyncio.create_task(made.sweeper(processes).run())]
    relay, courier, pace = made.relay(), made.courier(processes), Pace()
    sweeps.append(asyncio.create_task(relay.run()))
    sweeps.append(asyncio.create_task(measured(made, relay, courier, pace).follow()))
    sweeps.append(asyncio.create_task(courier.run()))
    sweeps += [asyncio.create_task(each) for each in rounds(made, processes)]
    more = [RestoringActivities(Restoring(made.store)), ConvergingActivities(Converging(made.store)), smoke(made)]
    closes = made.closures(processes)
    more += [ClosureActivities(closes), ReopeningActivities(made.reopenings(processes, closes))]
    more.append(SeriesActivities(made.closure_series(processes, closes)))
    more.append(CommandRepairActivities(Repairing(made.store)))
    more.append(BulkActivities(Carrying(made.store)))
    async with (
        build_worker(client, approvals, rollouts, imports=imports, more=more),
        executing(made, client, pace) as leading,
        processing(made, client) as telling,
    ):
        sweeps += [asyncio.create_task(each) for each in (*leading, *telling)]
        for sweep in sweeps:
            sweep.add_done_callback(lambda _: stop.set())
        log.info("worker.ready")
        await stop.wait()
        log.info("worker.draining")
        for sweep in sweeps:
            sweep.cancel()
    for sweep in sweeps:
        await ended(sweep)
    for sweep in sweeps:
        if not sweep.cancelled():
            sweep.result()


def rounds(made: Parts, processes: TemporalProcesses) -> list[Coroutine[Any, Any, None]]:
    """What looks again and again for what is due, or was lost."""
    return [
        Turns(made.store, processes).run(),
        Overdue(made.store, processes).run(),
        Opening(made.store).run(),
        Recovery(made.store, processes).run(),
        PeriodRecovery(made.store, processes).run(),
        Forgetting(made.store, clock).run(),
        CommandRepairRecovery(made.store, processes).run(),
        TellingOfBooks(made.store, processes).run(),
    ]


@asynccontextmanager
async def executing(
    made: Parts, client: Client, pace: Pace | None = None
) -> AsyncIterator[list[Coroutine[Any, Any, None]]]:
    """Serves the product's own domain and those whose handlers it was given; what it yields leads commands there.

    That is to end before it.
    """
    handlers = made.serving(TemporalSignals(always(client)), TemporalProcesses(always(client)))
    chunks = TemporalChunks(always(client))
    execution, lasting = Executing(made.store, handlers), Lasting(made.store, handlers)
    carrier = TemporalStandaloneRuns if made.settings.long_commands == "activity" else TemporalCommandRuns
    runs, long = carrier(always(client)), LongCommandActivities(lasting, (pace := pace or Pace()).add)
    async with AsyncExitStack() as served:
        for domain in handlers.domains:
            short = CommandActivities(execution, partial(pace.add, domain))
            worker = chunk_worker(client, short, chunks.queue(domain), long)
            await served.enter_async_context(worker)
        relay, sweeper = (
            CommandRelay(made.store, made.store, chunks, handlers, made.listener.commands).leading(runs),
            CommandSweeper(made.store, made.store, chunks, runs),
        )
        purging = Purging(made.store, made.retention, handlers.known())
        yield [relay.run(), sweeper.run(), purging.run(), paced(made, pace, handlers.domains)]
        await asyncio.gather(execution.drain(DRAINS), lasting.drain(DRAINS))


@asynccontextmanager
async def processing(made: Parts, client: Client) -> AsyncIterator[list[Coroutine[Any, Any, None]]]:
    """Serves the domains whose processes it was given; what it yields tells them what the database holds."""
    book, runs = made.process_book, TemporalSagas(always(client))
    carrying = SagaActivities(CarryingSagas(made.store, book))
    async with AsyncExitStack() as served:
        for domain in book.domains:
            await served.enter_async_context(saga_worker(client, carrying, runs.queue(domain)))
        yield [SagaRelay(made.store, runs, book).run()] if book.domains else []


async def paced(made: Parts, pace: Pace, domains: list[str]) -> None:
    """Told in lines to whoever sits at the terminal of this process, and to the log otherwise."""
    watched = sys.stdout.isatty()

    def tell(look: Look) -> None:
        if watched:
            print(look.words, flush=True)  # noqa: T201 -- somebody looks
        else:
            log.info("commands.pace", pace=look.words)

    pacing = Pacing(made.store, pace, domains, tell, time.monotonic)
    await pacing.run(WATCHED_SECONDS if watched else UNWATCHED_SECONDS)


def smoke(made: Parts) -> SmokeActivities:
    """A smoke test may take minutes, unlike every other call; how many in all its deployment says."""
    hosts, loopback = made.settings.trusted_hosts, made.settings.embedded_issuer
    patient = EgressClient(allow_loopback=loopback, private_hosts=hosts, total_seconds=LONGEST_SMOKE_SECONDS)
    return SmokeActivities(Smoking(made.store, patient, Previewing(made.store, made.signer, clock)))


def measured(made: Parts, relay: Relay, courier: Courier, pace: Pace) -> Measuring:
    """Counts what this worker tells and sends, and serves it where a port is named."""
    measuring = Measuring(made.store)
    relay.publisher.tell(measuring.take)
    if made.settings.worker_metrics_port is not None:
        meters = (
            DeploymentMeters(measuring.tally), DeliveryMeters(courier.sent, made.fared), BreakerMeters(MOVES),
            CommandMeters(pace),
        )  # fmt: skip
        serve(meters, made.settings.worker_metrics_host, made.settings.worker_metrics_port)
    return measuring


async def ended(task: asyncio.Task[None]) -> None:
    """Cancelled until it is: before Python 3.12 a cancellation that meets the end of a `wait_for` is lost."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)


async def main() -> None:
    settings = Settings.read()
    configure(settings.log_form, settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with parts(settings) as made:
        await run(made, stop)


if __name__ == "__main__":
    asyncio.run(main())
