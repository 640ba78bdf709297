"""Signals hold, infos tell, shares are watched, probes stop, and what a gate cannot see it counts."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.gates import (
    CohortReading,
    Counts,
    ErrorRateGate,
    GateSpec,
    GateState,
    Judgement,
    LatencyGate,
    NamedGate,
    Observation,
    ProviderError,
    Reading,
    Role,
    SampleRatio,
    StageClock,
    Verdict,
    judge,
    replay,
)
from domain.gates.eprocess import HARM_RATIOS, beside_past, log_mean, split

START = datetime(2026, 1, 1, tzinfo=UTC)
SOAKED = StageClock(0, 600, 600)
CARTS = NamedGate("carts", error_rate=ErrorRateGate(), metrics={"key": "carts"})


def reading(minute: float, candidate: tuple[int, int], control: tuple[int, int], *, up: bool | None = None) -> Reading:
    return Reading(START + timedelta(minutes=minute), Counts(*candidate), Counts(*control), synthetic=up)


def calm(minute: int) -> Reading:
    return reading(minute, (600 * minute, 6 * minute), (5400 * minute, 54 * minute))


def run(spec: GateSpec, checks: int, named: Callable[[int], dict[str, Observation]]) -> list[Judgement]:
    """Healthy guardrails, beside whatever the named gates see."""
    state, done = GateState(), []
    for minute in range(checks):
        done.append(judge(spec, state, calm(minute), SOAKED, named(minute)))
        state = done[-1].state
        assert replay(json.loads(json.dumps(done[-1].to_json()))) == done[-1]
    return done


def carts(minute: int, since: int = 4, until: int = 12) -> dict[str, Observation]:
    """Ten times the errors for a while, then none of the canary's that the control would not have."""
    harmed = min(max(minute - since, 0), until - since)
    return {"carts": reading(minute, (600 * minute, 6 * minute + 54 * harmed), (5400 * minute, 60 * minute))}


class TestSignal:
    @pytest.mark.req("S33")
    def test_holds_while_it_regresses_and_lets_go_when_it_has_recovered(self) -> None:
        done = run(GateSpec(signals=(CARTS,)), 30, carts)
        held = [number for number, each in enumerate(done) if each.hold == "signal"]
        assert held == list(range(held[0], held[-1] + 1))
        assert 5 <= held[0] <= 7
        assert held[-1] == 12 + CARTS.calm_checks - 1
        assert {done[number].verdict for number in held} == {Verdict.CONTINUE}
        assert done[-1].verdict is Verdict.PASS
        assert "held by signal: carts: error rate" in done[held[0]].sentence

    @pytest.mark.req("S33", "I2")
    def test_never_lets_a_stage_pass_or_lapse_while_it_holds(self) -> None:
        state = GateState()
        for minute in range(10):
            clock = StageClock(0, 600, 600, max_soak_reached=True)
            judged = judge(GateSpec(signals=(CARTS,)), state, calm(minute), clock, carts(minute, until=99))
            state = judged.state
        assert (judged.hold, judged.verdict) == ("signal", Verdict.CONTINUE)

    def test_that_cannot_be_read_holds_nothing(self) -> None:
        done = run(GateSpec(signals=(CARTS,)), 10, lambda _: {"carts": ProviderError("unreachable")})
        assert (done[-1].hold, done[-1].verdict) == ("", Verdict.PASS)
        assert done[-1].metrics[-1].verdict is Verdict.PROVIDER_ERROR

    @pytest.mark.req("S34")
    def test_is_an_info_where_it_only_tells(self) -> None:
        done = run(GateSpec(infos=(CARTS,)), 12, lambda minute: carts(minute, until=99))
        says = done[-1].metrics[-1]
        assert (says.name, says.role, says.verdict) == ("carts", Role.INFO, Verdict.FAIL)
        assert (done[-1].hold, done[-1].verdict) == ("", Verdict.PASS)

    def test_of_latency_looks_at_nothing_else(self) -> None:
        gate = NamedGate("pages", latency=LatencyGate(), metrics={"key": "pages"})

        def failing(minute: int) -> dict[str, Observation]:
            return {"pages": reading(minute, (600 * minute, 600 * minute), (5400 * minute, 0))}

        done = run(GateSpec(signals=(gate,)), 10, failing)
        assert done[-1].hold == ""


class TestSampleRatio:
    SPEC = GateSpec(sample_ratio=SampleRatio())

    def shares(self, seed: int, share: float, planned: float = 0.1) -> list[Judgement]:
        draw, state, done = np.random.default_rng(seed), GateState(), []
        totals = [0, 0]
        for minute in range(11):
            counts = [Counts(total, total // 100) for total in totals]
            clock = StageClock(0, 60.0 * minute, 1200, share=planned)
            done.append(judge(self.SPEC, state, Reading(START + timedelta(minutes=minute), *counts), clock))
            state = done[-1].state
            hits = int(draw.binomial(6000, share))
            totals = [totals[0] + hits, totals[1] + 6000 - hits]
        return done

    @pytest.mark.req("S46")
    def test_of_twice_the_planned_share_holds(self) -> None:
        found = [self.shares(seed, 0.2)[-1] for seed in range(200)]
        assert {each.hold for each in found} == {"srm"}
        assert "20." in found[0].sentence
        assert "planned were 10.0 %" in found[0].sentence

    @pytest.mark.req("S46")
    @pytest.mark.parametrize("share", [0.08, 0.1, 0.12])
    def test_of_about_the_planned_share_holds_nobody(self, share: float) -> None:
        """A few busy subjects among those that were chosen are no mistake of the split."""
        assert not any(each.hold for seed in range(200) for each in self.shares(seed, share)[-1:])

    def test_of_too_few_holds_too(self) -> None:
        assert self.shares(1, 0.03)[-1].hold == "srm"

    @pytest.mark.parametrize(("subjects", "at_least", "at_most"), [(200, 0.1, 0.5), (5000, 0.0, 0.0)])
    def test_takes_few_busy_subjects_for_a_mistake(self, subjects: int, at_least: float, at_most: float) -> None:
        """So it is for who asks: the source counts requests, and nobody knows of how many subjects."""
        draw, held = np.random.default_rng(1), 0
        for seed in range(60):
            traffic, chosen = draw.lognormal(0.0, 1.0, subjects), draw.random(subjects) < 0.1
            held += self.shares(seed, float(traffic[chosen].sum() / traffic.sum()))[-1].hold == "srm"
        assert at_least <= held / 60 <= at_most

    def test_is_not_watched_unless_asked_for(self) -> None:
        state = GateState()
        for minute in range(11):
            clock = StageClock(0, 60.0 * minute, 1200, share=0.1)
            judged = judge(
                GateSpec(), state, reading(minute, (1200 * minute, 12 * minute), (4800 * minute, 48 * minute)), clock
            )
            state = judged.state
        assert (judged.hold, state.sample.candidate) == ("", 0)

    def test_begins_anew_with_every_stage(self) -> None:
        state = self.shares(1, 0.2)[-1].state
        judged = judge(self.SPEC, state, calm(60), StageClock(1, 0, 600, share=0.25))
        assert judged.state.sample.stage == 1
        assert judged.state.sample.candidate < 60_000


class TestProbe:
    @pytest.mark.req("S32")
    def test_twice_down_stops_whatever_the_counters_say(self) -> None:
        state, seen = GateState(), []
        for minute, up in enumerate([True, False, True, False, False]):
            judged = judge(GateSpec(), state, reading(minute, (600 * minute, 0), (5400 * minute, 0), up=up), SOAKED)
            state = judged.state
            seen.append(judged.verdict)
        assert seen[-1] is Verdict.FAIL
        assert Verdict.FAIL not in seen[:-1]
        assert (judged.cause, judged.sentence) == (
            "hard_stop", "hard stop: a probe from outside found it down 2 times in a row",
        )  # fmt: skip

    def test_stops_even_where_nothing_is_counted(self) -> None:
        state = GateState()
        for minute in range(2):
            judged = judge(
                GateSpec(), state, CohortReading(START + timedelta(minutes=minute), {}, synthetic=False), SOAKED
            )
            state = judged.state
        assert judged.verdict is Verdict.FAIL


class TestBlindness:
    @pytest.mark.req("S49", "S51")
    def test_is_counted_by_its_cause(self) -> None:
        state = GateState()
        seen: list[Observation] = [
            calm(0), ProviderError("timeout"), ProviderError("timeout"), ProviderError("http_503"),
            Reading(START + timedelta(minutes=4), None, Counts(1, 0)),
        ]  # fmt: skip
        for each in seen:
            state = judge(GateSpec(), state, each, SOAKED).state
        assert dict(state.blindness) == {"http_503": 1, "no_candidate_series": 1, "timeout": 2}
        assert GateState.from_json(json.loads(json.dumps(state.to_json()))) == state


class TestBets:
    """A bet against a sentence that is true does not grow on average, whichever way the numbers fall."""

    @pytest.mark.req("S48")
    @pytest.mark.parametrize("rate", [0.0105, 0.01, 0.005])
    def test_against_the_own_past_does_not_grow(self, rate: float) -> None:
        draw, grown = np.random.default_rng(1), []
        for _ in range(4000):
            logs = (0.0,) * len(HARM_RATIOS)
            errors = int(draw.binomial(600, rate))
            grown.append(math.exp(log_mean(beside_past(logs, tuple(1.05 * r for r in HARM_RATIOS), 1.05, errors, 6.0))))
        assert np.mean(grown) <= 1 + 3 * np.std(grown) / math.sqrt(len(grown))

    def test_about_the_share_does_not_grow(self) -> None:
        draw, grown, odds = np.random.default_rng(1), [], 0.1 / 0.9
        for _ in range(4000):
            hits = int(draw.binomial(500, 0.1))
            grown.append(math.exp(log_mean(split((0.0, 0.0), (1.5 * odds, 2 * odds), odds, hits, 500 - hits))))
        assert np.mean(grown) <= 1 + 3 * np.std(grown) / math.sqrt(len(grown))
