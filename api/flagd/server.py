"""The sync protocol is served on a port of its own, in the process and on the event loop of the API."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final

import grpc.aio  # type: ignore[import-untyped]  # grpcio brings no types along
import structlog
from prometheus_client import CollectorRegistry

from api.flagd.admission import Admission
from api.flagd.door import SyncDoor
from api.flagd.pictures import FlagdSets
from api.flagd.sync import FlagSync
from api.services import Services

_MOST_CALLS: Final = 10_000
_LARGEST_REQUEST: Final = 64 * 1024
_GRACE_SECONDS: Final = 5.0
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a port that another program has is an error, and never shared with it
    ("grpc.max_receive_message_length", _LARGEST_REQUEST),
    ("grpc.keepalive_time_ms", 30_000),  # who is gone without a word is found out, and balancers see no idle line
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # clients may ask as well, and often
    ("grpc.http2.max_pings_without_data", 0),
)

log = structlog.get_logger()


class Flagd:
    """Both ways together: `admission` is that of the HTTP source, too."""

    def __init__(self, services: Services, registry: CollectorRegistry) -> None:
        self.admission = Admission(services.authentication, FlagdSets(services.store, services.flag_sets))
        self._sync = FlagSync(self.admission, services.sightings)
        self._door = services.settings.flagd
        registry.register(self._sync)

    def served(self) -> AbstractAsyncContextManager[Any]:
        """While the application lives, where a port is set."""
        return nullcontext() if self._door is None else serving(self._sync, self._door)


@asynccontextmanager
async def serving(sync: FlagSync, door: SyncDoor) -> AsyncIterator[int]:
    """The port; in the end every stream is ended, so that no client waits for a server that is gone."""
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=_MOST_CALLS)
    server.add_generic_rpc_handlers((sync.handler(),))
    address = f"{door.host}:{door.port}"
    if door.cert is None or door.key is None:
        port: int = server.add_insecure_port(address)
    else:
        pair = (door.key.read_bytes(), door.cert.read_bytes())
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    await server.start()
    log.info("flagd.serving", host=door.host, port=port, tls=door.cert is not None)
    try:
        yield port
    finally:
        sync.leave()
        await server.stop(_GRACE_SECONDS)
