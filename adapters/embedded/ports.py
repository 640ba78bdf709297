"""Every server listens on a loopback port that stays the same from run to run, so that addresses stay true."""

import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

import structlog

from adapters.embedded.errors import NeverStarted, PortTaken

LOOPBACK = "127.0.0.1"
# Below the ephemeral ranges of Linux (32768) and macOS (49152): no outgoing connection takes a port between two runs.
CHOICE = range(20_000, 32_000)
ATTEMPTS = 200

log = structlog.get_logger(__name__)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        # macOS lets a loopback bind succeed beside a listener on all addresses, hence the connection first.
        if probe.connect_ex((LOOPBACK, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Ports:
    """Ports by name: asked for in `wanted`, else remembered in `<folder>/ports.json`, else chosen and remembered.

    `notices` holds one sentence for every remembered port that had to change.
    """

    def __init__(self, folder: Path, wanted: Mapping[str, int] | None = None) -> None:
        self._path = folder / "ports.json"
        self._wanted = dict(wanted or {})
        self._remembered = self._read()
        self._given: dict[str, int] = {}
        self.notices: list[str] = []

    def remembered(self, name: str) -> int:
        """The port of the last run; raises `NeverStarted` when there was none."""
        if name not in self._remembered:
            raise NeverStarted(folder=str(self._path.parent))
        return self._remembered[name]

    def knows(self, name: str) -> bool:
        """Whether it had one in the last run."""
        return name in self._remembered

    def take(self, name: str) -> int:
        """The port of `name`; raises `PortTaken` when a port that was asked for is not free."""
        if name in self._given:
            return self._given[name]
        port = self._given[name] = self._asked(name) if name in self._wanted else self._kept(name)
        if self._remembered.get(name) != port:
            self._remembered[name] = port
            self._write()
        return port

    def _asked(self, name: str) -> int:
        port = self._wanted[name]
        if port in self._given.values() or not is_free(port):
            raise PortTaken(name=name, port=port)
        return port

    def _kept(self, name: str) -> int:
        kept = self._remembered.get(name)
        if kept is not None and kept not in self._given.values() and is_free(kept):
            return kept
        port = self._choose()
        if kept is not None:
            self.notices.append(f"Port {kept} of {name} is taken by another program; {name} listens on {port} now.")
            log.warning("port_changed", name=name, taken=kept, port=port)
        return port

    def _choose(self) -> int:
        spoken_for = set(self._given.values()) | set(self._remembered.values()) | set(self._wanted.values())
        for port in random.sample(CHOICE, ATTEMPTS):
            if port not in spoken_for and is_free(port):
                return port
        raise PortTaken(name="any server", port=f"{CHOICE.start} to {CHOICE.stop - 1}")

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): port for name, port in found.items() if isinstance(port, int)}

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self._remembered, indent=1, sort_keys=True) + "\n")
        fresh.replace(self._path)
