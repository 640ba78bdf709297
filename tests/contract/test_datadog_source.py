"""Datadog's query endpoint is asked over real HTTP; its buckets become counters that a gate can trust."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from adapters.egress.client import EgressClient
from adapters.metrics.conversation import TRIES
from adapters.metrics.datadog import DatadogKeys, DatadogSource
from domain.environments import Environment
from domain.errors import Invalid, Unavailable
from domain.gates import (
    CohortQuery,
    CohortReading,
    Counts,
    Gap,
    MetricQuery,
    PrometheusTemplates,
    ProviderError,
    Reading,
    SourceKind,
)
from domain.gates.windows import between
from tests.contract.datadog import KEYS, NOON, SUNDAY, Twin
from tests.contract.twins import Answer, Asked, at_once, listening

MINUTE = timedelta(minutes=1)
ARMS = PrometheusTemplates(
    "sum:shop.requests{flag:$flag,variant:$variant}.as_count()",
    "default_zero(sum:shop.errors{flag:$flag,variant:$variant}.as_count())",
)
QUERY = MetricQuery(SourceKind.DATADOG, UUID(int=7), Environment.PRODUCTION, "checkout", "on", "off", ARMS)
LATENCY = replace(ARMS, latency_buckets="sum:shop.latency{variant:$variant} by {upper_bound}.as_count()")
TENANTS = (("acme", UUID(int=1)), ("zeta", UUID(int=2)), ("gone", UUID(int=3)))
COHORT = CohortQuery(
    SourceKind.DATADOG, UUID(int=7), TENANTS, Environment.PRODUCTION, "checkout",
    PrometheusTemplates(
        "sum:shop.requests{flag:$key} by {tenant}.as_count()", "sum:shop.errors{flag:$key} by {tenant}.as_count()"
    ),
)  # fmt: skip


def over(url: str) -> DatadogSource:
    return DatadogSource(DatadogKeys(url, *KEYS), EgressClient(allow_loopback=True), at_once)


async def read(twin: Twin, at: datetime = NOON, query: MetricQuery = QUERY) -> Any:
    async with twin.listening() as (url, _seen):
        return await over(url).read(query, at)


def counted(end: datetime, since: datetime = SUNDAY) -> Counts:
    minutes = int((end - since) / MINUTE)
    return Counts(60 * minutes, 6 * minutes)


class TestCounters:
    @pytest.mark.req("S48", "S56")
    async def test_are_the_sums_since_the_week_began(self) -> None:
        twin = Twin()
        async with twin.listening() as (url, seen):
            found = await over(url).read(QUERY, NOON)
        assert found == Reading(NOON, counted(NOON), counted(NOON))
        assert isinstance(found, Reading)
        assert found.provenance is not None
        assert found.provenance.queries["candidate/errors"] == (
            "default_zero(sum:shop.errors{flag:checkout,variant:on}.as_count().rollup(sum, 60))"
        )
        assert not any(key in str(found.provenance) for key in KEYS)
        hours = [each.fields for each in seen if each.fields.get("query", "").find("3600") > 0]
        assert {each["from"] for each in hours} == {str(int(SUNDAY.timestamp()))}
        assert len(seen) == 9

    @pytest.mark.req("S56")
    async def test_windows_cover_all_the_time_once_though_data_come_late(self) -> None:
        twin = Twin()
        minute = int((NOON - MINUTE).timestamp())
        twin.late = {minute: 1}
        readings = [await read(twin)]
        for ahead in (1, 2, 3):
            twin.now = NOON + ahead * MINUTE
            twin.late = {}
            readings.append(await read(twin, twin.now))
        windows = [between(*pair) for pair in pairwise(readings)]
        spans = [(each.since, each.until) for each in windows if not isinstance(each, Gap)]
        assert spans == [(NOON + k * MINUTE, NOON + (k + 1) * MINUTE) for k in range(3)]
        assert [each.candidate.requests for each in windows if not isinstance(each, Gap)] == [120, 60, 60]
        assert readings[-1].candidate == counted(twin.now)

    @pytest.mark.req("S53")
    async def test_begin_anew_on_sunday_and_that_window_is_discarded(self) -> None:
        midnight = SUNDAY + timedelta(days=7)
        before = await read(Twin(midnight), midnight)
        after = await read(Twin(midnight + MINUTE), midnight + MINUTE)
        assert (before.candidate, after.candidate) == (counted(midnight), counted(midnight + MINUTE, midnight))
        assert between(before, after) is Gap.COUNTER_RESET

    @pytest.mark.req("S57")
    @pytest.mark.parametrize("off", [-5, 5])
    async def test_end_where_both_clocks_agree_that_a_minute_is_over(self, off: int) -> None:
        found = await read(Twin(), NOON + off * MINUTE + timedelta(seconds=20))
        end = NOON + min(off, 0) * MINUTE
        assert found == Reading(end, counted(end), counted(end))

    async def test_heights_of_a_histogram_are_the_series_of_their_bounds(self) -> None:
        twin = Twin(SUNDAY + 2 * MINUTE)
        found = await read(twin, twin.now, replace(QUERY, templates=LATENCY))
        assert found.candidate.buckets == ((0.1, 80), (float("inf"), 80))


class TestTenants:
    @pytest.mark.req("S30")
    async def test_are_the_series_of_one_query(self) -> None:
        twin = Twin()
        twin.tenants = ("acme", "zeta", "else")
        async with twin.listening() as (url, seen):
            found = await over(url).read_cohort(COHORT, NOON)
            await over(url).probe(COHORT)
        assert found == CohortReading(NOON, {"acme": counted(NOON), "zeta": counted(NOON)})
        assert len(seen) == 5 + 3

    @pytest.mark.req("S30", "S31")
    async def test_have_a_past(self) -> None:
        twin = Twin()
        twin.tenants = ("acme",)
        async with twin.listening() as (url, seen):
            found = await over(url).past_cohort(COHORT, NOON, timedelta(minutes=15), 96)
        assert not isinstance(found, ProviderError)
        assert len(seen) == 2
        assert [each.tenants["acme"].requests for each in found] == [900 * k for k in range(97)]


class TestPast:
    @pytest.mark.req("S31")
    async def test_is_read_at_the_edges_of_its_windows(self) -> None:
        async with Twin().listening() as (url, _seen):
            found = await over(url).past(QUERY, NOON, MINUTE, 3)
            empty = await over(url).past(QUERY, SUNDAY - MINUTE, MINUTE, 1)
        start = NOON - 3 * MINUTE
        assert found == [Reading(NOON - k * MINUTE, *[counted(NOON - k * MINUTE, start)] * 2) for k in (3, 2, 1, 0)]
        assert empty == [Reading(SUNDAY - k * MINUTE, None, None) for k in (2, 1)]


class TestAnswers:
    @pytest.mark.req("S51")
    async def test_null_is_a_bucket_in_which_nothing_was_reported(self) -> None:
        twin = Twin(SUNDAY + 3 * MINUTE)
        twin.point = lambda point: [point[0], None if point[0] == SUNDAY.timestamp() * 1000 else point[1]]
        assert (await read(twin, twin.now)).candidate == Counts(120, 12)

    @pytest.mark.req("S51")
    @pytest.mark.parametrize("count", [None, float("nan"), float("inf"), -1, "60", True])
    async def test_what_is_no_number_is_no_data(self, count: object) -> None:
        twin = Twin()
        twin.point = lambda point: [point[0], count]
        assert await read(twin) == Reading(NOON, None, None)

    @pytest.mark.req("S51")
    async def test_without_series_there_is_no_data(self) -> None:
        twin = Twin()
        twin.series = lambda _: []
        assert await read(twin) == Reading(NOON, None, None)

    @pytest.mark.req("S52")
    @pytest.mark.parametrize("tags", [[[], []], [["host:a"], ["host:b"]]], ids=["alike", "by-host"])
    async def test_two_series_are_an_error(self, tags: list[list[str]]) -> None:
        twin = Twin()
        twin.series = lambda series: [{**series[0], "tag_set": each} for each in tags]
        assert await read(twin) == ProviderError("ambiguous_series")

    @pytest.mark.req("S49")
    @pytest.mark.parametrize(
        ("answer", "reason", "tries"),
        [
            (Answer({"status": "error", "error": "parse error"}), "bad_query", 1),
            (Answer({"status": "ok"}), "malformed_answer", 1),
            (Answer({"status": "ok", "series": [{"pointlist": [[30_000, 1]]}]}), "malformed_answer", 1),
            (Answer({"status": "ok", "series": [{"pointlist": [[10**400, 1]]}]}), "malformed_answer", 1),
            (Answer({"status": "ok", "series": [{"pointlist": 7}]}), "malformed_answer", 1),
            (Answer([]), "malformed_answer", 1),
            (Answer(None, 302, {"Location": "http://127.0.0.1:1/"}), "http_302", 1),
            (Answer(None, 403), "http_403", 1),
            (Answer(None, 500), "http_500", TRIES),
            (Answer(None, 429, {"X-RateLimit-Reset": "2"}), "http_429", TRIES),
            (Answer(None, 429, {"X-RateLimit-Reset": "1800"}), "http_429", 1),
        ],
        ids=lambda given: given if isinstance(given, str) else None,
    )
    async def test_any_other_answer_is_an_error_of_the_provider(self, answer: Answer, reason: str, tries: int) -> None:
        twin = Twin()
        twin.other = answer
        async with twin.listening() as (url, seen):
            assert await over(url).read(QUERY, NOON) == ProviderError(reason)
        assert len(seen) == 1 + tries

    @pytest.mark.req("S49")
    async def test_a_limit_that_ends_soon_is_waited_for(self) -> None:
        twin, waits = Twin(), list[float]()
        limited = [Answer(None, 429, {"X-RateLimit-Reset": "2"})]

        async def pause(seconds: float) -> None:
            waits.append(seconds)

        def answer(asked: Asked) -> Answer:
            return limited.pop() if limited and asked.path.endswith("query") else twin.answer(asked)

        async with listening(answer) as (url, _seen):
            source = DatadogSource(DatadogKeys(url, *KEYS), EgressClient(allow_loopback=True), pause)
            found = await source.read(QUERY, NOON)
        assert found == Reading(NOON, counted(NOON), counted(NOON))
        assert waits == [2.0]


class TestProbe:
    @pytest.mark.req("S55")
    @pytest.mark.parametrize(
        "template",
        [
            "sum:shop.errors{variant:$variant}",
            "avg:shop.errors{variant:$variant}.as_count()",
            "sum:shop.errors{variant:$variant}.as_rate()",
            "sum:shop.errors{variant:$variant}.as_count().rollup(avg, 10)",
            "sum:a{variant:$variant}.as_count(),sum:b{*}.as_count()",
            "sum:a{variant:$variant}.as_count()/sum:b{*}.as_count()",
        ],
    )
    async def test_takes_only_sums_of_counts(self, template: str) -> None:
        async with Twin().listening() as (url, _seen):
            with pytest.raises(Invalid) as refused:
                await over(url).probe(replace(QUERY, templates=replace(ARMS, errors=template)))
        assert [fault.path for fault in refused.value.faults] == ["/templates/errors"]

    @pytest.mark.req("S55")
    async def test_says_what_datadog_says(self) -> None:
        twin = Twin()
        twin.other = Answer({"status": "error", "error": "unknown metric"})
        async with twin.listening() as (url, _seen):
            with pytest.raises(Invalid) as refused:
                await over(url).probe(replace(QUERY, templates=replace(ARMS, synthetic="avg:up{*}")))
        assert [(each.path, each.message) for each in refused.value.faults] == [
            ("/templates/requests", "unknown metric"),
            ("/templates/errors", "unknown metric"),
            ("/templates/synthetic", "is not read from Datadog: a probe is no sum of counts"),
        ]

    async def test_a_name_cannot_become_part_of_a_filter(self) -> None:
        async with Twin().listening() as (url, seen):
            query = replace(QUERY, candidate="on OR variant:off")
            assert await over(url).read(query, NOON) == ProviderError("bad_query")
        assert [each.path for each in seen] == ["/api/v1/validate"]

    async def test_without_a_right_key_it_is_not_the_change_that_is_wrong(self) -> None:
        async with listening(lambda _: Answer(json.dumps({}).encode(), 403)) as (url, _seen):
            with pytest.raises(Unavailable):
                await over(url).probe(QUERY)
