"""A house with flags, the sync protocol on a port of its own, and whoever reads from there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio  # type: ignore[import-untyped]  # grpcio brings no types along
import orjson
import pytest
import pytest_asyncio
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2, sync_pb2_grpc

from api.flagd.door import SyncDoor
from api.flagd.server import serving
from api.flagd.sync import FlagSync
from application.flags import Flags
from application.tenants import Tenants
from domain.environments import Environment

IN = Environment.DEV
CHECKOUT: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
STREAM_SECONDS = 60


@dataclass
class Protocol:
    """The server, which may be closed and opened again on the same port."""

    world: Any
    house: Any
    door: SyncDoor = field(default_factory=lambda: SyncDoor(0))
    sync: FlagSync | None = None
    _open: AsyncExitStack | None = None

    @property
    def streams(self) -> float:
        """How many are open, as Prometheus is told."""
        assert self.sync is not None
        (metric,) = self.sync.collect()
        return float(metric.samples[0].value)

    @property
    def selector(self) -> str:
        return f"flagSetId={self.house.tenant.slug}/{IN.value}"

    @property
    def address(self) -> str:
        return f"{self.door.host}:{self.door.port}"

    def token(self, handle: str = "shop") -> str:
        words: str = self.world.headers(self.house, handle)["Authorization"]
        return words.removeprefix("Bearer ")

    async def open(self) -> None:
        self._open = AsyncExitStack()
        self.sync = FlagSync(self.world.app.state.flagd, self.world.services.sightings)
        port = await self._open.enter_async_context(serving(self.sync, self.door))
        self.door = SyncDoor(port, self.door.host, self.door.cert, self.door.key)

    async def close(self) -> None:
        if self._open is not None:
            await self._open.aclose()
            self._open = None

    async def put(self, definition: Any, key: str = "checkout") -> int:
        """The flag's next version; the revision of the set that has it."""
        store = self.world.services.store
        async with store.transaction(self.house.id) as tx:
            present = await tx.flags.get(IN, key)
        flags, why = Flags(store), "because of the test"
        if present is None:
            await flags.create(self.house.ada, (IN, key), definition, why)
        else:
            await flags.update(self.house.ada, (IN, key), definition, expected=present.version, reason=why)
        async with store.transaction(self.house.id) as tx:
            revision: int = await tx.flags.revision(IN)
            return revision

    async def revoke(self, handle: str = "shop") -> None:
        await Tenants(self.world.services.store).set_roles(
            self.house.root, handle, frozenset(), "because of the test"
        )  # fmt: skip

    @asynccontextmanager
    async def reader(self) -> AsyncIterator["Reader"]:
        """Its connection takes little before it is read."""
        options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
        async with grpc.aio.insecure_channel(self.address, options) as channel:
            yield Reader(self, sync_pb2_grpc.FlagSyncServiceStub(channel))


@dataclass
class Reader:
    """A client as flagd's own stubs make it."""

    protocol: Protocol
    stub: Any

    def stream(self, token: str | None = None, **said: str) -> Any:
        """`said` are metadata, with underscores for hyphens, but for `selector` and `provider_id`."""
        fields = {name: said.pop(name) for name in ("selector", "provider_id") if name in said}
        metadata = [("authorization", f"Bearer {token}")] if token else []
        metadata += [(name.replace("_", "-"), value) for name, value in said.items()]
        request = sync_pb2.SyncFlagsRequest(**fields)
        return self.stub.SyncFlags(request, metadata=metadata, timeout=STREAM_SECONDS)

    def mine(self, **said: str) -> Any:
        return self.stream(self.protocol.token(), selector=self.protocol.selector, **said)


async def told(stream: Any) -> dict[str, Any]:
    """What the stream says next."""
    answer = await stream.read()
    assert answer is not grpc.aio.EOF, "the stream has ended"
    content: dict[str, Any] = orjson.loads(answer.flag_configuration)
    return content


async def status(call: Any) -> tuple[Any, str]:
    """How it ends."""
    return await call.code(), await call.details()


@pytest_asyncio.fixture(name="protocol")
async def served(world: Any, house: Any) -> AsyncIterator[Protocol]:
    made = Protocol(world, house)
    await made.put(CHECKOUT)
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture(name="reader")
async def reading(protocol: Protocol) -> AsyncIterator[Reader]:
    async with protocol.reader() as made:
        yield made


@pytest.fixture(name="hasty")
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is asked for again after moments, not seconds."""
    monkeypatch.setattr("api.callers._TRUST_SECONDS", 0.1)
    monkeypatch.setattr("api.flagd.sync._CHECK_SECONDS", 0.1)
