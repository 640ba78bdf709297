"""How often a gate takes an identical version back, and how soon it finds a worse one, beside simpler rules."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import gate_latency, gate_rules, plots
from benchmarks.gate_rules import Looks, Rule
from benchmarks.gate_traffic import CHECKS, Hours, Tenants, at, bursts, pooled, steady
from benchmarks.measure import print_table
from domain.gates import (
    Baseline,
    CohortReading,
    Counts,
    GateSpec,
    GateState,
    Reading,
    StageClock,
    Verdict,
    baseline_of,
    cohort_baseline_of,
)

RUNS = 400
SEED = 1
RATIOS = (1.0, 1.05, 1.5, 2.0, 5.0)
TRAFFICS = ((0.01, (600, 5400)), (0.002, (600, 5400)), (0.01, (60, 540)))
RULES: dict[str, Rule] = {
    "rate since the beginning over 1.05x": gate_rules.literal,
    "rate of a minute over 1.05x, 3 in a row": gate_rules.in_a_row,
    "z test, looked at every minute": gate_rules.peeked,
    "z test, looked at once": gate_rules.at_the_end,
    "Mann-Whitney, every 5 minutes from 10": gate_rules.mann_whitney,
    "our gate, 1.05x": gate_rules.gate,
}
Draws = Callable[[], np.random.Generator]
Found = dict[tuple[str, float], Looks]
"""By rule, and by how many times the errors of the present version."""
PLOTS = (
    ("gates-identical.svg", "An identical version is taken back", 0, 1.0),
    ("gates-twice.svg", "Twice as many errors are found, where little is served", 2, 2.0),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks gates", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="hours for each cell; half of tenants and latency")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--images", type=Path, help="write the plots into this folder")
    options = parser.parse_args()
    children = iter(np.random.SeedSequence(options.seed).spawn(200))

    def draws() -> np.random.Generator:
        return np.random.default_rng(next(children))

    print(f"seed {options.seed}, numpy {np.__version__}, {options.runs} hours for each cell, {CHECKS} checks an hour")
    print("each cell: taken back within the hour, and the median check at which it was; x1.0 is an identical version")
    found = _errors(draws, options.runs)
    if options.images is not None:
        _plot(options.images, found)
    _stages(draws, options.runs)
    _tenants(draws, options.runs // 2)
    _bursts(draws, options.runs)
    _latency(draws, options.runs // 2)


def _errors(draws: Draws, runs: int) -> list[Found]:
    """All rules over the same hours, by traffic."""
    told: list[Found] = []
    for rate, requests in TRAFFICS:
        hours = {ratio: steady(draws(), runs, requests, rate, ratio) for ratio in RATIOS}
        found = {(name, ratio): rule(hours[ratio]) for name, rule in RULES.items() for ratio in RATIOS}
        told.append(found)
        print_table(
            f"{100 * rate:g} % errors, {requests[0]:,} requests a minute beside {requests[1]:,}",
            ("rule", *(f"x{ratio:g}" for ratio in RATIOS)),
            [(name, *(shown(found[name, ratio]) for ratio in RATIOS)) for name in RULES],
        )
    return told


def _stages(draws: Draws, runs: int) -> None:
    """A stage ends by itself: what becomes of it."""
    rows = []
    for rate, requests in TRAFFICS:
        for ratio in (1.0, 1.2, 1.5, 2.0):
            hours = steady(draws(), runs, requests, rate, ratio)
            ends = [_end(hours, run) for run in range(runs)]
            cells = [
                shown(np.array([check if ended is verdict else 0 for ended, check in ends]))
                for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.CONTINUE)
            ]
            rows.append((f"{100 * rate:g} %, {requests[0]} a minute, x{ratio:g}", *cells))
    print_table(
        "our gate, one stage: soak of 10 to 60 minutes, at least 1,000 requests and 5 checks",
        ("traffic", "passed", "taken back", "undecided"),
        rows,
    )


def _end(hours: Hours, run: int) -> tuple[Verdict, int]:
    """CONTINUE where it says neither."""
    state = GateState()
    for check, reading in enumerate(hours.readings(run)):
        clock = StageClock(0, 60.0 * check, 600, max_soak_reached=check == CHECKS)
        outcome = next(iter(gate_rules.judged([reading], state=state, clock=clock)))
        state = outcome.state
        if outcome.verdict in {Verdict.PASS, Verdict.FAIL}:
            return outcome.verdict, check
    return Verdict.CONTINUE, CHECKS


def _tenants(draws: Draws, runs: int) -> None:
    spec = GateSpec()
    strict = replace(spec, error_rate=replace(spec.error_rate, tenant_increase=0.05))
    rows = []
    for spread, drift in ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.5, 0.1), (0.5, 0.2)):
        cells = []
        for ratio in (1.0, 2.0):
            looks = np.array([_cohort_looks(draw, spread, drift, ratio, strict) for draw in draws().spawn(runs)])
            cells.append([shown(looks[:, place]) for place in range(3)])
        rows.append((f"{spread:g}, {drift:g}", *cells[0], *cells[1]))
    print_table(
        "20 tenants of which 2 have it, 1 % errors: how they differ (sd), and drift from the day before (sd)",
        ("differ, drift", "raw x1.0", "own 1.05x x1.0", "own 1.25x x1.0", "raw x2", "own 1.05x x2", "own 1.25x x2"),
        rows,
    )


def _cohort_looks(
    draw: np.random.Generator, spread: float, drift: float, ratio: float, strict: GateSpec
) -> tuple[int, int, int]:
    """Compared as two versions, and each tenant against its own day before by 1.05 and by 1.25."""
    tenants = Tenants(draw, spread, drift)
    past = cohort_baseline_of(tenants.past())
    readings: Sequence[CohortReading] = list(tenants.readings(ratio))
    clock = StageClock(0, 0, 1, candidates=Tenants.canary)
    raw = gate_rules.failed_at(gate_rules.judged(pooled(reading) for reading in readings))
    own = [
        gate_rules.failed_at(gate_rules.judged(readings, spec, GateState(baseline=past), clock))
        for spec in (strict, GateSpec())
    ]
    return raw, own[0], own[1]


def _bursts(draws: Draws, runs: int) -> None:
    rows = []
    for phi in (1.0, 2.0, 5.0, 10.0):
        cells = []
        for ratio in (1.0, 2.0):
            draw = draws()
            arms = [
                bursts(draw, (runs, CHECKS), requests * 0.01 * factor, phi, requests)
                for requests, factor in ((600, ratio), (5400, 1.0))
            ]
            hours, before = Hours((600, 5400), *arms), bursts(draw, (runs, 96), 60, phi, 6000)
            cells += [shown(gate_rules.gate(hours)), shown(_corrected(hours, [_past(row) for row in before]))]
        rows.append((f"{phi:g}", *cells))
    print_table(
        "errors in bursts, 1 %, 600 requests a minute beside 5,400: variance of a minute over its mean",
        ("phi", "as if by chance x1.0", "corrected x1.0", "as if by chance x2", "corrected x2"),
        rows,
    )


def _past(errors: Sequence[int]) -> Baseline:
    """The 96 windows before the rollout, with nobody on the candidate."""
    totals = [0, *np.cumsum(errors)]
    readings = [Reading(at(k - 97), None, Counts(6000 * k, int(total))) for k, total in enumerate(totals)]
    return baseline_of(readings)


def _corrected(hours: Hours, pasts: Sequence[Baseline]) -> Looks:
    judged = (gate_rules.judged(hours.readings(run), state=GateState(baseline=past)) for run, past in enumerate(pasts))
    return np.array([gate_rules.failed_at(each) for each in judged])


def _latency(draws: Draws, runs: int) -> None:
    factors = (1.0, 1.5, 2.0, 2.5, 3.0)
    found = []
    for factor in factors:
        hours = [gate_latency.latencies(draw, factor) for draw in draws().spawn(runs)]
        p99, p95 = ([gate_latency.quantile_look(arms, quantile) for arms in hours] for quantile in (0.99, 0.95))
        found.append((p99, p95, [gate_latency.gate_look(arms) for arms in hours]))
    names = ("p99 of a minute over 2x", "p95 of a minute over 2x", "our gate, p95 over 2x")
    print_table(
        "log-normal latency (sigma 1), 100 requests a minute beside 900",
        ("rule", *(f"x{factor:g}" for factor in factors)),
        [(name, *(shown(np.array(each[place])) for each in found)) for place, name in enumerate(names)],
    )


def shown(looks: Looks) -> str:
    """`82 % @1`."""
    found = looks[looks > 0]
    share = f"{100 * len(found) / len(looks):.3g} %"
    return f"{share} @{np.median(found):.0f}" if len(found) else share


def _plot(folder: Path, found: Sequence[Found]) -> None:
    for name, title, place, ratio in PLOTS:
        rate, (candidate, control) = TRAFFICS[place]
        below = f"check, one a minute; {100 * rate:g} % errors, {candidate:,} requests a minute beside {control:,}"
        lines = [plots.Line(rule, _by_look(found[place][rule, ratio])) for rule in RULES]
        (folder / name).write_text(plots.steps(title, below, lines), encoding="utf-8")
        print(f"written: {name}")


def _by_look(looks: Looks) -> list[float]:
    return [float(np.mean((looks > 0) & (looks <= look))) for look in range(1, CHECKS + 1)]


if __name__ == "__main__":
    main()
