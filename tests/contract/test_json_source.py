"""A service that answers in JSON is asked over real HTTP; what it says is counted, or said to be of no use."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.egress.client import EgressClient
from adapters.metrics.asking import LARGEST_ANSWER
from adapters.metrics.conversation import TRIES
from adapters.metrics.http_json import HttpJsonSource, JsonService
from domain.environments import Environment
from domain.errors import Invalid, Unavailable
from domain.gates import (
    CohortQuery,
    CohortReading,
    Counts,
    GateSpec,
    GateState,
    MetricQuery,
    PrometheusTemplates,
    ProviderError,
    Reading,
    SourceKind,
    StageClock,
    judge,
)
from tests.contract.twins import Answer, Asked, at_once, listening

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLACE = "/counters?flag=$flag&env=$environment#/arms/$variant"
ARMS = PrometheusTemplates(f"{PLACE}/requests", f"{PLACE}/errors", f"{PLACE}/buckets", "/up#/up")
QUERY = MetricQuery(SourceKind.HTTP_JSON, UUID(int=7), Environment.PRODUCTION, "new checkout", "on", "off", ARMS)
LIST = "/tenants?key=$key#/tenants/*"
TENANTS = (("acme", UUID(int=1)), ("zeta", UUID(int=2)), ("gone", UUID(int=3)))
COHORT = CohortQuery(
    SourceKind.HTTP_JSON, UUID(int=7), TENANTS, Environment.PRODUCTION, "checkout",
    PrometheusTemplates(f"{LIST}/requests", f"{LIST}/errors"),
)  # fmt: skip
ON = {"requests": 100, "errors": 1, "buckets": [[0.1, 90], ["+Inf", 100]]}
OFF = {"requests": 900, "errors": 9, "buckets": []}
SECRET = {"authorization": "Bearer hidden"}


def said(**more: Any) -> dict[str, Any]:
    return {"at": START.timestamp(), "arms": {"on": ON, "off": OFF}, "up": 1, **more}


def on(**more: Any) -> dict[str, Any]:
    return said(arms={"on": {**ON, **more}, "off": OFF})


def over(url: str, **more: Any) -> HttpJsonSource:
    return HttpJsonSource(JsonService(url, **more), EgressClient(allow_loopback=True), at_once)


async def read(answer: Callable[[Asked], Answer], query: MetricQuery = QUERY, **more: Any) -> tuple[Any, list[Asked]]:
    async with listening(answer) as (url, seen):
        return await over(url, **more).read(query, START + MINUTE), seen


class TestAsking:
    @pytest.mark.req("S48", "S57")
    async def test_one_address_is_asked_once_and_named_as_it_was_asked(self) -> None:
        found, seen = await read(lambda _: Answer(said()), headers=SECRET)
        buckets = ((0.1, 90), (float("inf"), 100))
        assert found == Reading(START, Counts(100, 1, buckets), Counts(900, 9), synthetic=True)
        assert [each.path for each in seen] == ["/counters", "/up"]
        assert (seen[0].method, seen[0].fields) == ("GET", {"flag": "new checkout", "env": "production"})
        assert seen[0].headers["authorization"] == "Bearer hidden"
        queries = found.provenance.queries
        assert queries["candidate/errors"] == "/counters?flag=new%20checkout&env=production#/arms/on/errors"
        assert "hidden" not in str(found.provenance)
        assert len(found.provenance.sha256) == 64

    async def test_a_post_carries_its_question_in_its_body(self) -> None:
        _, seen = await read(lambda _: Answer(said()), method="POST", time="at")
        wanted = {"flag": "new checkout", "env": "production", "at": f"{(START + MINUTE).timestamp():.3f}"}
        assert (seen[0].method, seen[0].fields) == ("POST", wanted)

    @pytest.mark.parametrize("instant", [START.timestamp(), "2026-01-01T01:00:00+01:00"])
    async def test_an_instant_is_a_number_of_seconds_or_a_date(self, instant: object) -> None:
        found, _ = await read(lambda _: Answer(said(at=instant)))
        assert found.at == START

    @pytest.mark.parametrize("instant", [None, "yesterday", "2026-01-01T00:00:00", True, 1767225600000, float("nan")])
    async def test_without_an_instant_nothing_was_counted(self, instant: object) -> None:
        found, _ = await read(lambda _: Answer(said(at=instant)))
        assert found == ProviderError("malformed_answer")

    @pytest.mark.req("S57", "S56")
    async def test_a_service_whose_clock_is_five_minutes_off_is_read_by_its_own(self) -> None:
        """Its windows lie end to end, whatever the worker's clock says."""
        shown = [said(at=(START - 5 * MINUTE + k * MINUTE).timestamp()) for k in range(3)]
        async with listening(lambda _: Answer(shown[0])) as (url, _seen):
            readings, state = [], GateState()
            while shown:
                reading = await over(url).read(QUERY, START + MINUTE * (4 - len(shown)))
                assert isinstance(reading, Reading)
                readings.append(reading)
                shown.pop(0)
        assert [each.at for each in readings] == [START - 5 * MINUTE + k * MINUTE for k in range(3)]
        spans = []
        for k, reading in enumerate(readings):
            more = replace(reading, candidate=Counts(100 + 60 * k, 1), control=Counts(900 + 540 * k, 9))
            outcome = judge(GateSpec(), state, more, StageClock(0, 0, 600))
            state = outcome.state
            spans += [(outcome.window.since, outcome.window.until)] if outcome.window else []
        assert spans == [(readings[0].at, readings[1].at), (readings[1].at, readings[2].at)]


class TestAnswers:
    @pytest.mark.req("S51")
    @pytest.mark.parametrize(
        "number", ["12", None, float("nan"), float("inf"), -1, True, [], "NaN", 10**400],
        ids=["text", "null", "nan", "inf", "negative", "bool", "empty", "word", "huge"],
    )  # fmt: skip
    async def test_what_is_no_number_is_no_data(self, number: object) -> None:
        found, _ = await read(lambda _: Answer(on(errors=number)))
        assert (found.candidate, found.control) == (None, Counts(900, 9))

    @pytest.mark.req("S51")
    async def test_an_arm_that_is_not_there_is_no_data(self) -> None:
        found, _ = await read(lambda _: Answer(said(arms={"off": OFF})))
        assert (found.candidate, found.control) == (None, Counts(900, 9))

    @pytest.mark.req("S52")
    @pytest.mark.parametrize(
        "document",
        [on(requests=[1, 2]), on(buckets=[[0.1, 1], [0.1, 2]]), b'{"at": 1, "arms": {}, "arms": {}}'],
        ids=["list", "bound", "member"],
    )
    async def test_two_where_one_is_meant_are_an_error(self, document: object) -> None:
        found, _ = await read(lambda _: Answer(document))
        assert found == ProviderError("ambiguous_series")

    @pytest.mark.req("S49")
    @pytest.mark.parametrize(
        ("answer", "reason", "tries"),
        [
            (Answer(b"<html>"), "malformed_answer", 1),
            (Answer(b"[" * 200_000), "malformed_answer", 1),
            (Answer(on(requests={})), "malformed_answer", 1),
            (Answer(said(arms=7)), "malformed_answer", 1),
            (Answer(on(buckets=7)), "malformed_buckets", 1),
            (Answer(on(buckets=[[1, 2]])), "malformed_buckets", 1),
            (Answer(on(buckets=[["+Inf", 2], [1, 3]])), "malformed_buckets", 1),
            (Answer(b" " * (LARGEST_ANSWER + 1)), "answer_too_large", 1),
            (Answer(said(), 302, {"Location": "http://127.0.0.1:1/"}), "http_302", 1),
            (Answer(said(), 204), "http_204", 1),
            (Answer(said(), 401), "http_401", 1),
            (Answer(said(), 503), "http_503", TRIES),
            (Answer(said(), 429, {"Retry-After": "1"}), "http_429", TRIES),
            (Answer(said(), 429, {"Retry-After": "3600"}), "http_429", 1),
        ],
        ids=lambda given: given if isinstance(given, str) else None,
    )
    async def test_any_other_answer_is_an_error_of_the_provider(self, answer: Answer, reason: str, tries: int) -> None:
        found, seen = await read(lambda _: answer)
        assert (found, len(seen)) == (ProviderError(reason), tries)

    async def test_an_inner_address_is_not_called(self) -> None:
        source = HttpJsonSource(JsonService("https://169.254.169.254"), EgressClient(allow_loopback=True), at_once)
        assert await source.read(QUERY, START) == ProviderError("address_refused")
        with pytest.raises(Unavailable):
            await source.probe(QUERY)


class TestTenants:
    @pytest.mark.req("S30")
    async def test_are_counted_one_by_one(self) -> None:
        told = {"acme": {"requests": 5, "errors": 1}, "zeta": {"requests": 7}, "else": {"requests": 9, "errors": 9}}
        async with listening(lambda _: Answer({"at": START.timestamp(), "tenants": told})) as (url, _seen):
            found = await over(url).read_cohort(COHORT, START)
            assert found == CohortReading(START, {"acme": Counts(5, 1)})
            await over(url).probe(COHORT)

    async def test_thousands_come_in_one_answer(self) -> None:
        many = tuple((f"tenant-{n}", UUID(int=n)) for n in range(5000))
        told = {slug: {"requests": 1_000_000, "errors": 1000, "padding": "x" * 40} for slug, _ in many}
        client = EgressClient(allow_loopback=True, body_bytes=32 * 1024 * 1024)
        async with listening(lambda _: Answer({"at": START.timestamp(), "tenants": told})) as (url, _seen):
            found = await HttpJsonSource(JsonService(url), client).read_cohort(replace(COHORT, tenants=many), START)
        assert isinstance(found, CohortReading)
        assert len(found.tenants) == 5000


class TestPast:
    @pytest.mark.req("S31")
    async def test_is_asked_instant_by_instant(self) -> None:
        def answer(asked: Asked) -> Answer:
            minutes = int((float(asked.fields["time"]) - START.timestamp()) / 60)
            told = {"on": {"requests": minutes, "errors": 0}, "off": {"requests": 9 * minutes, "errors": 0}}
            return Answer(said(at=float(asked.fields["time"]), arms=told))

        async with listening(answer) as (url, _seen):
            found = await over(url, time="time").past(QUERY, START + 10 * MINUTE, MINUTE, 10)
        assert not isinstance(found, ProviderError)
        assert [(each.at, each.control) for each in found] == [
            (START + k * MINUTE, Counts(9 * k, 0)) for k in range(11)
        ]

    async def test_a_service_that_knows_only_now_has_none(self) -> None:
        async with listening(lambda _: Answer(said())) as (url, seen):
            found = await over(url).past(QUERY, START, MINUTE, 2)
            tenants = await over(url).past_cohort(COHORT, START, MINUTE, 2)
            ignored = await over(url, time="time").past(QUERY, START - MINUTE, MINUTE, 2)
        assert found == [Reading(START - k * MINUTE, None, None) for k in (2, 1, 0)]
        assert tenants == [CohortReading(START - k * MINUTE, {}) for k in (2, 1, 0)]
        assert ignored == ProviderError("malformed_answer")
        assert seen


class TestProbe:
    @pytest.mark.req("S55")
    @pytest.mark.parametrize(
        ("template", "message"),
        [
            ("/counters?v=$variant", "needs a # and a JSON Pointer behind its address"),
            ("http://elsewhere/$variant#/x", "must begin with / and hold only what an address may hold, else as %XX"),
            ("//elsewhere/$variant#/x", "must stay under the address of the service"),
            ("/a/../../admin/$variant#/x", "must stay under the address of the service"),
            ("/a/%2e%2E/admin/$variant#/x", "must stay under the address of the service"),
            ("/a b?v=$variant#/x", "must begin with / and hold only what an address may hold, else as %XX"),
            ("/counters#arms/$variant", "has a JSON Pointer that does not begin with /"),
            ("/counters#/up/$variant", "has nothing below which 'off' could stand"),
            ("/counters#/arms/$variant", "is no number"),
            ("/wrong?v=$variant#/x", "the service answers 404"),
        ],
    )
    async def test_points_at_the_faulty_template(self, template: str, message: str) -> None:
        def answer(asked: Asked) -> Answer:
            return Answer(said(), 404 if asked.path == "/wrong" else 200)

        async with listening(answer) as (url, _seen):
            with pytest.raises(Invalid) as refused:
                await over(url).probe(replace(QUERY, templates=replace(ARMS, errors=template)))
        assert [(fault.path, fault.message) for fault in refused.value.faults] == [("/templates/errors", message)]

    @pytest.mark.req("S55")
    async def test_a_cohort_needs_to_know_where_its_tenants_are(self) -> None:
        templates = PrometheusTemplates("/tenants#/tenants", "/tenants#/tenants/*/errors")
        async with listening(lambda _: Answer({"at": 1, "tenants": {"acme": {"errors": 1}}})) as (url, _seen):
            with pytest.raises(Invalid) as refused:
                await over(url).probe(replace(COHORT, templates=templates))
        assert [fault.path for fault in refused.value.faults] == ["/templates/requests"]

    async def test_a_name_cannot_leave_its_place(self) -> None:
        query = replace(QUERY, flag="a/../b", candidate="x+y", templates=replace(ARMS, synthetic=None))
        answer = {"at": START.timestamp(), "arms": {"x+y": ON, "off": OFF}}
        found, seen = await read(lambda _: Answer(answer), query)
        assert found.candidate is not None
        assert (seen[0].path, seen[0].fields["flag"]) == ("/counters", "a/../b")
        path = replace(query, flag="..", templates=PrometheusTemplates("/$flag/x#/$variant", "/x#/$variant"))
        assert (await read(lambda _: Answer(answer), path))[0] == ProviderError("bad_query")
