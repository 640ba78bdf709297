"""A worker composed like the product's, which kills itself once every close stands where it was ordered to die.

`python -m tests.chaos.doomed_closer QUEUE ORDERS PASSED`: as tests.chaos.doomed_worker, with the code of a period in
the place of a change, or the id of a reopening, of a series or of a bulk operation.
"""

import asyncio
import signal
import sys
from pathlib import Path

from activities.approvals import ApprovalActivities
from activities.bulks import BulkActivities
from activities.closure_series import SeriesActivities
from activities.closures import ClosureActivities
from activities.reopenings import ReopeningActivities
from activities.rollouts import RolloutActivities
from adapters.settings import Settings
from adapters.temporal.client import always, connect
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import build_worker
from application.admission import Admitting
from application.balloting import Balloting
from application.bulks.carrying import Carrying
from application.controls import Controlling
from application.gating import Gating
from application.progression import Progression
from bootstrap import Parts, parts
from tests.chaos.doomed_worker import Fate, fated, ordered


async def run(made: Parts, queue: str, fate: Fate) -> None:
    client = fated(await connect(made.settings.temporal_address), fate)
    store, verifier = made.store, made.verifier
    gating, controlling = Gating(store, made.metrics), Controlling(store, verifier)
    rollouts = RolloutActivities(Progression(store), gating, controlling, Admitting(store))
    processes = TemporalProcesses(always(client), queue)
    closures = made.closures(processes)
    more = [ClosureActivities(closures), ReopeningActivities(made.reopenings(processes, closures))]
    more += [SeriesActivities(made.closure_series(processes, closures)), BulkActivities(Carrying(store))]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with build_worker(client, ApprovalActivities(Balloting(store, verifier)), rollouts, queue, more=more):
        await stop.wait()


async def main(queue: str, fate: Fate) -> None:
    async with parts(Settings()) as made:  # type: ignore[call-arg]  # the environment gives what has no default
        await run(made, queue, fate)


if __name__ == "__main__":
    with Path(sys.argv[3]).open("a") as lines:
        asyncio.run(main(sys.argv[1], Fate(ordered(sys.argv[2]), lines)))
