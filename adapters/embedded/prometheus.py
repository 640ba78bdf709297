"""A real Prometheus watches the given targets every second, where the machine has one."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.embedded.ports import LOOPBACK
from adapters.embedded.probes import http_answers
from adapters.embedded.program import Program, bare_environment

INTERVAL = "1s"
RETENTION = "2d"


def find_prometheus() -> Path | None:
    found = shutil.which("prometheus")
    return Path(found).absolute() if found else None


@dataclass(frozen=True)
class Scrape:
    """One target: `address` is host:port, `path` where its metrics are."""

    job: str
    address: str
    path: str = "/metrics"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prometheus:
    folder: Path
    port: int
    binary: Path
    scrapes: tuple[Scrape, ...]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def home(self) -> Path:
        return self.folder / "prometheus"

    def program(self) -> Program:
        return Program(
            "prometheus",
            (
                str(self.binary),
                f"--config.file={self.home / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.home / 'series'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--web.listen-address={LOOPBACK}:{self.port}",
                "--log.level=warn",
            ),
            env=bare_environment(GOMEMLIMIT="256MiB"),
            folder=self.folder,
            prepare=self.prepare,
            ready=self.ready,
        )

    async def prepare(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        # Every JSON document is a YAML document.
        (self.home / "prometheus.yml").write_text(json.dumps(self.settings(), indent=1))

    async def ready(self) -> bool:
        return await http_answers(self.port, "/-/ready")

    def settings(self) -> dict[str, object]:
        """Prometheus' configuration file: one job a name, with all targets of that name and path."""
        return {
            "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL},
            "scrape_configs": [
                {
                    "job_name": job,
                    "metrics_path": path,
                    "static_configs": [
                        {"targets": [each.address], "labels": dict(each.labels)}
                        for each in self.scrapes
                        if (each.job, each.path) == (job, path)
                    ],
                }
                for job, path in dict.fromkeys((each.job, each.path) for each in self.scrapes)
            ],
        }
