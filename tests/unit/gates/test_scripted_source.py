import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.metrics import ScriptedSource, Traffic, constant
from domain.environments import Environment
from domain.errors import Unavailable
from domain.gates import (
    Counts,
    GateSpec,
    GateState,
    Judgement,
    MetricQuery,
    ProviderError,
    Reading,
    SourceKind,
    StageClock,
    Verdict,
    judge,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
QUERY = MetricQuery(SourceKind.TELEMETRY, UUID(int=7), Environment.PRODUCTION, "new-checkout", "on", "off")
MINUTE = timedelta(minutes=1)


def shop(candidate_errors: float = 0.01) -> ScriptedSource:
    return ScriptedSource(
        START, {"on": Traffic(constant(10), constant(candidate_errors)), "off": Traffic(constant(90), constant(0.01))}
    )


async def watched(source: ScriptedSource, minutes: int) -> list[Judgement]:
    state, judgements = GateState(), []
    for minute in range(minutes + 1):
        observation = await source.read(QUERY, START + minute * MINUTE)
        judgements.append(judge(GateSpec(), state, observation, StageClock(0, 60 * minute, 600)))
        state = judgements[-1].state
    return judgements


class TestScriptedSource:
    async def test_counts_what_the_rates_say(self) -> None:
        assert await shop().read(QUERY, START + 2 * MINUTE) == Reading(
            START + 2 * MINUTE, Counts(1200, 12), Counts(10800, 108)
        )

    async def test_rates_follow_time(self) -> None:
        source = ScriptedSource(START, {"on": Traffic(lambda second: 10 if second < 60 else 0)})
        reading = await source.read(QUERY, START + 5 * MINUTE)
        assert reading == Reading(START + 5 * MINUTE, Counts(600, 0), None)

    async def test_latency_falls_into_its_bucket(self) -> None:
        source = ScriptedSource(START, {"on": Traffic(constant(10), latency=constant(0.3), bounds=(0.25, 0.5))})
        reading = await source.read(QUERY, START + MINUTE)
        assert isinstance(reading, Reading)
        assert reading.candidate == Counts(600, 0, ((0.25, 0), (0.5, 600), (math.inf, 600)))

    @pytest.mark.req("S57")
    async def test_skew_moves_the_providers_instant_only(self) -> None:
        source = ScriptedSource(START, {"on": Traffic(constant(10))}, skew=timedelta(minutes=-5))
        assert await source.read(QUERY, START + MINUTE) == Reading(START - 4 * MINUTE, Counts(600, 0), None)

    async def test_probe_during_an_outage_is_unavailable(self) -> None:
        source = shop()
        source.outage(START, START + MINUTE)
        with pytest.raises(Unavailable):
            await source.probe(QUERY)

    async def test_a_variant_may_change_its_ways(self) -> None:
        source = shop()
        await source.read(QUERY, START + MINUTE)
        source.drive("on", Traffic(constant(1)))
        reading = await source.read(QUERY, START + MINUTE)
        assert isinstance(reading, Reading)
        assert reading.candidate == Counts(60, 0)


class TestGateOnScriptedSource:
    @pytest.mark.req("S24")
    async def test_a_healthy_canary_passes_after_its_soak(self) -> None:
        verdicts = [each.verdict for each in await watched(shop(), 11)]
        assert verdicts == [Verdict.CONTINUE] * 10 + [Verdict.PASS] * 2

    @pytest.mark.req("S25")
    async def test_a_harmful_canary_fails(self) -> None:
        assert Verdict.FAIL in [each.verdict for each in await watched(shop(candidate_errors=0.03), 10)]

    @pytest.mark.req("S49")
    async def test_an_outage_is_seen_and_bridged(self) -> None:
        source = shop()
        source.outage(START + 3 * MINUTE, START + 6 * MINUTE, "http_500")
        judgements = await watched(source, 6)
        assert [each.verdict for each in judgements[3:6]] == [Verdict.PROVIDER_ERROR] * 3
        assert judgements[6].window is not None
        assert judgements[6].window.candidate.requests == 4 * 600
        assert await source.read(QUERY, START + 4 * MINUTE) == ProviderError("http_500")

    @pytest.mark.req("S51")
    async def test_a_silence_is_no_data_and_bridged(self) -> None:
        source = shop()
        source.silence("off", START + 3 * MINUTE, START + 5 * MINUTE)
        judgements = await watched(source, 5)
        assert [each.verdict for each in judgements[3:]] == [Verdict.NO_DATA] * 2 + [Verdict.CONTINUE]
        assert judgements[5].state.errors.control == 5 * 5400

    @pytest.mark.req("S53")
    async def test_a_restart_costs_one_window(self) -> None:
        source = shop()
        source.reset("on", START + 3 * MINUTE + timedelta(seconds=30))
        judgements = await watched(source, 6)
        assert [each.cause for each in judgements] == ["first_reading", None, None, None, "counter_reset", None, None]
        assert judgements[6].state.errors.candidate == 5 * 600
