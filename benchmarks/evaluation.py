"""One evaluation of a flag in process: ours beside the evaluators that Python programs use today."""

import logging
from importlib.metadata import version
from typing import Any

from benchmarks.flag_peers import ARMS, PEERS, RULES, Calls, changegate
from benchmarks.measure import RUNS, hardware, median_seconds, print_table

OURS = "changegate"


def main() -> None:
    logging.disable(logging.CRITICAL)  # a peer without its server complains, which is not what is measured
    microseconds = {OURS: _measured(changegate())}
    skipped = []
    for name, build in PEERS.items():
        try:
            microseconds[f"{name} {version(name)}"] = _measured(build())
        except ModuleNotFoundError:
            skipped.append(name)
    logging.disable(logging.NOTSET)
    rows = [[name, *(f"{times[rule]:.2f}" for rule in RULES)] for name, times in microseconds.items()]
    print_table(f"Microseconds for one evaluation, median of {RUNS} runs, on {hardware()}", ["evaluator", *RULES], rows)
    ours = microseconds[OURS]
    ratios = [
        [name, *(f"{times[rule] / ours[rule]:.1f}x" for rule in RULES)]
        for name, times in microseconds.items()
        if name != OURS
    ]
    print_table("Times ours", ["evaluator", *RULES], ratios)
    for name in skipped:
        print(f"\n*** SKIPPED: not installed: {name} (requirements/bench.txt has it) ***")


def _value(outcome: Any) -> object:
    """The value, or the arm's name, in what an evaluator answers with."""
    return outcome["name"] if isinstance(outcome, dict) else getattr(outcome, "value", outcome)


def _measured(calls: Calls) -> dict[str, float]:
    """Microseconds by rule, after a look that each rule gives what it should."""
    for rule in RULES:
        value = _value(calls[rule]())
        assert value in ARMS if rule == "in + 4-way split" else value is True, (rule, value)
    return {rule: median_seconds(calls[rule]) * 1e6 for rule in RULES}


if __name__ == "__main__":
    main()
