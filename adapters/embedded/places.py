"""Where the servers of a data folder answer, and what whoever works with them has to be told."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from adapters.embedded.ports import LOOPBACK, Ports
from adapters.embedded.postgres import Postgres
from adapters.embedded.secret import secret
from adapters.embedded.stack import Stack
from adapters.embedded.valkey import Valkey, find_valkey

LOGIN = "changegate_service"


@dataclass(frozen=True)
class Places:
    """Where the servers of a folder answer; the database's address and Valkey's hold passwords."""

    folder: Path
    database: str = field(repr=False)
    temporal: str
    temporal_ui: str
    api_port: int
    prometheus: str | None = None
    valkey: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, stack: Stack, api_port: int, password: str, prometheus: str | None) -> "Places":
        ends = stack.endpoints
        database = service_url(ends.database_superuser_url, password)
        return cls(
            stack.folder, database, ends.temporal_address, ends.temporal_ui_url, api_port, prometheus, ends.valkey_url
        )

    @classmethod
    def remembered(cls, folder: Path) -> "Places":
        """Those of the last run, which may go on; raises `NeverStarted` when there was none."""
        ports = Ports(folder)
        temporal, ui = (f"{LOOPBACK}:{ports.remembered(name)}" for name in ("temporal", "temporal-ui"))
        binary = find_valkey() if ports.knows("valkey") else None
        valkey = Valkey(folder, ports.remembered("valkey"), binary).url if binary else None
        return cls(folder, login_url(folder), temporal, f"http://{ui}", ports.remembered("api"), valkey=valkey)

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which API and worker find these servers."""
        optional = {"CHANGEGATE_PROMETHEUS_URL": self.prometheus, "CHANGEGATE_VALKEY_URL": self.valkey}
        # What the shell says of another Temporal, or of keys elsewhere, is not meant for this one: empty is unset.
        elsewhere = ("CHANGEGATE_TEMPORAL_", "CHANGEGATE_VAULT_", "CHANGEGATE_KEY_")
        foreign = {name: "" for name in os.environ if name.startswith(elsewhere)}
        return {
            **foreign,
            "CHANGEGATE_DATABASE_URL": self.database,
            "CHANGEGATE_TEMPORAL_ADDRESS": self.temporal,
            "CHANGEGATE_TEMPORAL_UI": self.temporal_ui,
            "CHANGEGATE_PUBLIC_URL": f"http://{LOOPBACK}:{self.api_port}",
            "CHANGEGATE_KEYS": str(self.folder / "keys"),
            "CHANGEGATE_EMBEDDED_ISSUER": "true",
            **{name: value for name, value in optional.items() if value is not None},
        }


def service_url(owner_url: str, password: str) -> str:
    """The product's own login at the same server and database."""
    owner = urlsplit(owner_url)
    return f"postgresql://{LOGIN}:{quote(password, safe='')}@{owner.netloc.rpartition('@')[2]}{owner.path}"


def login_url(folder: Path) -> str:
    """The product's login at the server that runs on this folder."""
    return service_url(owner_url(folder), secret(folder, "service"))


def owner_url(folder: Path) -> str:
    """Whoever owns the server that runs on this folder; raises `NeverStarted` when there was none."""
    return Postgres(folder, Ports(folder).remembered("postgres")).superuser_url
