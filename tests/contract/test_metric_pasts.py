"""Whoever tells a gate of tenants and of the past: written down, reported by applications, or a Prometheus."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qs
from uuid import UUID

import pytest

from adapters.memory.metrics import ScriptedSource, Traffic, constant
from adapters.metrics.prometheus import PrometheusSource
from application.ports.metrics import MetricSource, edges
from domain.environments import Environment
from domain.errors import Invalid
from domain.gates import (
    CohortQuery,
    CohortReading,
    Counts,
    MetricQuery,
    PrometheusTemplates,
    ProviderError,
    Reading,
    SourceKind,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ARMS = PrometheusTemplates('requests{v="$variant"}', 'errors{v="$variant"}', synthetic="up{}")
QUERY = MetricQuery(SourceKind.PROMETHEUS, UUID(int=7), Environment.PRODUCTION, "checkout", "on", "off", ARMS)
TENANTS = PrometheusTemplates('requests{k="$key"}', 'errors{k="$key"}')
COHORT = CohortQuery(
    SourceKind.PROMETHEUS, UUID(int=7), (("acme", UUID(int=1)), ("zeta", UUID(int=2)), ("gone", UUID(int=3))),
    Environment.PRODUCTION, "checkout", TENANTS,
)  # fmt: skip
RATES = {"on": (60, 6), "off": (600, 60), "acme": (60, 6), "zeta": (600, 60)}
"""(requests, errors) a minute."""


def counted(name: str, at: datetime) -> Counts:
    minutes = int((at - START) / MINUTE)
    requests, errors = RATES[name]
    return Counts(requests * minutes, errors * minutes)


class World(Protocol):
    source: MetricSource

    def fall(self) -> None: ...


class ScriptedWorld:
    def __init__(self) -> None:
        traffic = {name: Traffic(constant(n / 60), constant(x / n)) for name, (n, x) in RATES.items()}
        self._scripted = ScriptedSource(START, traffic)
        self._scripted.fall(START - MINUTE, START)
        self.source: MetricSource = self._scripted

    def fall(self) -> None:
        self._scripted.fall(START, START + timedelta(days=1))


class WireWorld:
    """Prometheus's endpoints on loopback: real HTTP, with what it says in the last answer."""

    source: MetricSource

    def __init__(self) -> None:
        self.up = True
        self.bodies: list[bytes] = []
        self.unlabelled = False

    def fall(self) -> None:
        self.up = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head.lower())
        form = parse_qs((await reader.readexactly(int(length[1]) if length else 0)).decode())
        asked = {name: values[0] for name, values in form.items()}
        body = json.dumps(self.answer("query_range" in head.split("\r\n")[0], asked)).encode()
        if asked["query"] != "time()":
            self.bodies.append(body)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def answer(self, over: bool, asked: dict[str, str]) -> Any:  # noqa: FBT001 -- which of the two endpoints
        if asked["query"] == "time()":
            return _success("scalar", [0, str((START + timedelta(days=1)).timestamp())])
        name = asked["query"].partition("{")[0]
        if name == "up":
            return _success("vector", [{"metric": {}, "value": [0, str(int(self.up))]}])
        arms = [arm for arm in ("on", "off") if f'"{arm}"' in asked["query"]] or ["acme", "zeta"]
        labels = [{"tenant": arm} if arm in {"acme", "zeta"} and not self.unlabelled else {} for arm in arms]
        if not over:
            now = float(asked.get("time", START.timestamp()))
            return _success("vector", [
                {"metric": label, "value": [now, self.count(arm, name, now)]}
                for arm, label in zip(arms, labels, strict=True)
            ])  # fmt: skip
        start, end, step = (float(asked[each]) for each in ("start", "end", "step"))
        instants = [start + step * number for number in range(int((end - start) / step) + 1)]
        seen = [at for at in instants if at >= START.timestamp()]
        return _success("matrix", [
            {"metric": label, "values": [[at, self.count(arm, name, at)] for at in seen]}
            for arm, label in zip(arms, labels, strict=True)
        ])  # fmt: skip

    def count(self, arm: str, name: str, at: float) -> str:
        counts = counted(arm, datetime.fromtimestamp(at, UTC))
        return str(counts.requests if name == "requests" else counts.errors)


def _success(kind: str, result: object) -> object:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


@pytest.fixture
async def wire() -> AsyncIterator[WireWorld]:
    world = WireWorld()
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0)
    world.source = PrometheusSource(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    async with server:
        yield world


@pytest.fixture(params=["memory", "prometheus"])
def world(request: pytest.FixtureRequest, wire: WireWorld) -> World:
    return ScriptedWorld() if request.param == "memory" else wire


class TestCohort:
    @pytest.mark.req("S30")
    async def test_is_counted_tenant_by_tenant(self, world: World) -> None:
        at = START + 10 * MINUTE
        found = await world.source.read_cohort(COHORT, at)
        assert isinstance(found, CohortReading)
        assert (found.at, found.tenants) == (at, {slug: counted(slug, at) for slug in ("acme", "zeta")})

    @pytest.mark.req("S30")
    async def test_has_a_past(self, world: World) -> None:
        until = START + 10 * MINUTE
        found = await world.source.past_cohort(COHORT, until, 2 * MINUTE, 5)
        assert not isinstance(found, ProviderError)
        assert [each.at for each in found] == edges(until, 2 * MINUTE, 5)
        assert [each.tenants["zeta"] for each in found] == [counted("zeta", START + 2 * k * MINUTE) for k in range(6)]


class TestPast:
    @pytest.mark.req("S31")
    async def test_is_read_at_the_edges_of_its_windows(self, world: World) -> None:
        until = START + 10 * MINUTE
        found = await world.source.past(QUERY, until, MINUTE, 10)
        assert not isinstance(found, ProviderError)
        assert found == [
            Reading(at, counted("on", at), counted("off", at), synthetic=each.synthetic)
            for at, each in zip(edges(until, MINUTE, 10), found, strict=True)
        ]


class TestProbeFromOutside:
    @pytest.mark.req("S32")
    async def test_says_whether_the_candidate_is_up(self, world: World) -> None:
        first = await world.source.read(QUERY, START + MINUTE)
        world.fall()
        second = await world.source.read(QUERY, START + MINUTE)
        assert isinstance(first, Reading)
        assert isinstance(second, Reading)
        assert (first.synthetic, second.synthetic) == (True, False)


class TestProvenance:
    @pytest.mark.req("S48")
    async def test_names_every_query_and_the_hash_of_the_answers(self, wire: WireWorld) -> None:
        found = await wire.source.read(QUERY, START + MINUTE)
        assert isinstance(found, Reading)
        assert found.provenance is not None
        assert found.provenance.queries == {
            "candidate/requests": 'requests{v="on"}', "candidate/errors": 'errors{v="on"}',
            "control/requests": 'requests{v="off"}', "control/errors": 'errors{v="off"}', "synthetic": "up{}",
        }  # fmt: skip
        assert len(wire.bodies) == 5
        assert len(found.provenance.sha256) == len(sha256().hexdigest())

    @pytest.mark.req("S52")
    async def test_of_series_without_a_tenant_there_is_none(self, wire: WireWorld) -> None:
        wire.unlabelled = True
        assert await wire.source.read_cohort(COHORT, START + MINUTE) == ProviderError("series_without_tenant")
        with pytest.raises(Invalid) as refused:
            await wire.source.probe(COHORT)
        assert refused.value.faults[0].path == "/templates/requests"
