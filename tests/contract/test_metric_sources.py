"""Whoever counts keeps to the same promises: written down, a Prometheus, a service that answers in JSON, Datadog."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs
from uuid import UUID

import pytest

from adapters.egress.client import EgressClient
from adapters.memory.metrics import ScriptedSource
from adapters.metrics.datadog import DatadogKeys, DatadogSource
from adapters.metrics.http_json import HttpJsonSource, JsonService
from adapters.metrics.prometheus import PrometheusSource
from application.ports.metrics import MetricSource
from domain.environments import Environment
from domain.errors import Fault, Invalid, Unavailable
from domain.gates import Counts, MetricQuery, PrometheusTemplates, ProviderError, Reading, SourceKind
from tests.contract.twins import Answer, Asked, at_once, listening

START = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATES = PrometheusTemplates(
    'requests{v="$variant"}', 'errors{v="$variant"}', 'buckets{v="$variant",f="$flag",e="$environment"}'
)
QUERY = MetricQuery(SourceKind.PROMETHEUS, UUID(int=7), Environment.PRODUCTION, "new-checkout", "on", "off", TEMPLATES)
BEFORE = Reading(START, Counts(100, 1, ((0.1, 90), (float("inf"), 100))), Counts(900, 9))
AFTER = Reading(START + timedelta(minutes=1), Counts(160, 2, ((0.1, 140), (float("inf"), 160))), None)


class World(Protocol):
    """What a test may arrange, whatever the source; `query` asks in its words, `fault` is how it complains."""

    source: MetricSource
    query: MetricQuery
    fault: str

    def show(self, reading: Reading) -> None: ...

    def down(self) -> None: ...

    def misunderstand(self) -> None: ...


class ScriptedWorld:
    query = QUERY
    fault = "parse error"

    def __init__(self) -> None:
        self.scripted = ScriptedSource(START)
        self.source: MetricSource = self.scripted

    def show(self, reading: Reading) -> None:
        self.scripted.answer(reading)

    def down(self) -> None:
        self.scripted.outage(START, START + timedelta(days=1), "http_503")

    def misunderstand(self) -> None:
        self.scripted.refuse(Fault("/templates/errors", "parse error"))


class WireWorld:
    """Prometheus's query endpoint on loopback: real HTTP, answers arranged by the test."""

    source: MetricSource
    query = QUERY
    fault = "parse error"

    def __init__(self) -> None:
        self.reading = BEFORE
        self.healthy = True
        self.understands = True

    def show(self, reading: Reading) -> None:
        self.reading = reading

    def down(self) -> None:
        self.healthy = False

    def misunderstand(self) -> None:
        self.understands = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        form = parse_qs((await reader.readexactly(int(length[1]) if length else 0)).decode())
        status, answer = self.answer(form["query"][0])
        body = json.dumps(answer).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    def answer(self, promql: str) -> tuple[int, Any]:
        at = self.reading.at.timestamp()
        if not self.healthy:
            return 503, {}
        if promql == "time()":
            return 200, {"status": "success", "data": {"resultType": "scalar", "result": [at, str(at)]}}
        name, variant = promql.partition("{")[0], promql.split('"')[1]
        if name == "errors" and not self.understands:
            return 400, {"status": "error", "errorType": "bad_data", "error": "parse error"}
        counts = self.reading.candidate if variant == "on" else self.reading.control
        result = (
            []
            if counts is None
            else [{"metric": labels, "value": [at, str(number)]} for labels, number in self.series(name, counts)]
        )
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    def series(self, name: str, counts: Counts) -> list[tuple[dict[str, str], int]]:
        if name == "buckets":
            return [({"le": "+Inf" if bound == float("inf") else str(bound)}, n) for bound, n in counts.buckets]
        return [({}, counts.requests if name == "requests" else counts.errors)]


class TwinWorld:
    """A service of another kind on loopback, which knows one reading."""

    source: MetricSource
    query: MetricQuery
    fault = "parse error"

    def __init__(self) -> None:
        self.reading = BEFORE
        self.healthy = True
        self.understands = True

    def show(self, reading: Reading) -> None:
        self.reading = reading

    def down(self) -> None:
        self.healthy = False

    def misunderstand(self) -> None:
        self.understands = False

    def counts(self, variant: str) -> Counts | None:
        return self.reading.candidate if variant == "on" else self.reading.control


class JsonWorld(TwinWorld):
    fault = "the service answers 400"
    query = replace(
        QUERY,
        source=SourceKind.HTTP_JSON,
        templates=PrometheusTemplates("/of/$variant#/requests", "/errors/$variant#/errors", "/of/$variant#/buckets"),
    )

    def over(self, url: str) -> MetricSource:
        return HttpJsonSource(JsonService(url), EgressClient(allow_loopback=True), at_once)

    def answer(self, asked: Asked) -> Answer:
        if not self.healthy:
            return Answer(None, 503)
        if asked.path.startswith("/errors/") and not self.understands:
            return Answer(None, 400)
        counts = self.counts(asked.path.rpartition("/")[2])
        return Answer({"at": self.reading.at.timestamp(), **(counts.to_json() if counts else {})})


class DatadogWorld(TwinWorld):
    query = replace(
        QUERY,
        source=SourceKind.DATADOG,
        templates=PrometheusTemplates(
            "sum:requests{v:$variant}.as_count()",
            "sum:errors{v:$variant}.as_count()",
            "sum:buckets{v:$variant} by {le}.as_count()",
        ),
    )

    def over(self, url: str) -> MetricSource:
        return DatadogSource(DatadogKeys(url, "a", "b"), EgressClient(allow_loopback=True), at_once)

    def answer(self, asked: Asked) -> Answer:
        if not self.healthy:
            return Answer(None, 503)
        found = re.match(r"sum:(\w+)\{v:(\w+)\}.*rollup\(sum, (\d+)\)", asked.fields.get("query", ""))
        if found is None:
            return Answer({"valid": True}, at=self.reading.at)
        name, variant, width = found[1], found[2], int(found[3])
        if name == "errors" and not self.understands:
            return Answer({"status": "error", "error": "parse error"})
        end = self.reading.at.timestamp()
        counts = self.counts(variant) if float(asked.fields["to"]) == end else None
        heights = {"requests": {"": counts and counts.requests}, "errors": {"": counts and counts.errors}}
        by = {f"le:{bound}": height for bound, height in counts.buckets} if counts else {}
        series = [
            {"tag_set": [tag] if tag else [], "pointlist": [[(end - width) * 1000, height]]}
            for tag, height in heights.get(name, by).items()
        ]
        return Answer({"status": "ok", "series": series if counts else []})


TWINS: dict[str, type[JsonWorld | DatadogWorld]] = {"http-json": JsonWorld, "datadog": DatadogWorld}


@pytest.fixture(params=["memory", "prometheus", *TWINS])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        yield ScriptedWorld()
        return
    if request.param in TWINS:
        twin = TWINS[request.param]()
        async with listening(twin.answer) as (url, _seen):
            twin.source = twin.over(url)
            yield twin
        return
    wire = WireWorld()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire.source = PrometheusSource(f"http://127.0.0.1:{port}/", pause=at_once)
    async with server:
        yield wire


class TestMetricSource:
    async def test_reads_both_arms_with_the_providers_instant(self, world: World) -> None:
        world.show(BEFORE)
        assert await world.source.read(world.query, START + timedelta(minutes=5)) == BEFORE

    @pytest.mark.req("S51")
    async def test_an_arm_without_series_is_none(self, world: World) -> None:
        world.show(AFTER)
        assert await world.source.read(world.query, AFTER.at) == AFTER

    @pytest.mark.req("S57")
    async def test_a_worker_whose_clock_is_ahead_gets_the_providers_instants(self, world: World) -> None:
        readings = []
        for shown in (BEFORE, AFTER):
            world.show(shown)
            readings.append(await world.source.read(world.query, shown.at + timedelta(minutes=5)))
        assert readings == [BEFORE, AFTER]

    @pytest.mark.req("S49")
    async def test_an_outage_is_answered_not_raised(self, world: World) -> None:
        world.down()
        assert await world.source.read(world.query, START) == ProviderError("http_503")

    async def test_probe_accepts_a_good_query(self, world: World) -> None:
        world.show(BEFORE)
        await world.source.probe(world.query)

    @pytest.mark.req("S55")
    async def test_probe_points_at_the_faulty_template(self, world: World) -> None:
        world.misunderstand()
        with pytest.raises(Invalid) as refused:
            await world.source.probe(world.query)
        assert refused.value.faults == (Fault("/templates/errors", world.fault),)

    async def test_probe_is_unavailable_during_an_outage(self, world: World) -> None:
        world.down()
        with pytest.raises(Unavailable):
            await world.source.probe(world.query)
