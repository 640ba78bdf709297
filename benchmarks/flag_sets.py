"""A set of ten thousand flags: to load it, to change one of them, its memory; and a hundred flags at once."""

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson

from application.evaluation import Shelf
from application.ports.records import FlagSetRecord
from benchmarks.flag_peers import PERSON, SUBJECT, flagd_flags
from benchmarks.measure import RUNS, hardware, median_seconds, print_table
from domain.flags import CODE_DEFAULT

FLAGS, AT_ONCE = 10_000, 100
CHANGED = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def main() -> None:
    ours, reference = ([_alone(who) for _ in range(RUNS)] for who in ("ours", "reference"))
    rows = [
        (name, *(f"{statistics.median(run[what] for run in runs):,.1f}" if what in runs[0] else "-"
                 for what in ("load", "memory", "change")))
        for name, runs in (("Changegate", ours), ("openfeature-flagd-core", reference))
    ]  # fmt: skip
    title = f"{FLAGS:,} flags in one set, median of {RUNS} processes, on {hardware()}"
    print_table(title, ("evaluator", "load ms", "memory MB", "one flag changes ms"), rows)
    shelf, core = _shelf(AT_ONCE), _reference(AT_ONCE)
    context = {**PERSON, "targetingKey": SUBJECT}
    print_table(
        f"{AT_ONCE} flags at once, to JSON, median of {RUNS} runs",
        ("evaluator", "ms"),
        [("Changegate", f"{median_seconds(lambda: _bulk(shelf, context)) * 1e3:.3f}"),
         ("openfeature-flagd-core", f"{median_seconds(core) * 1e3:.3f}")],
    )  # fmt: skip


def _flags(many: int) -> dict[str, Any]:
    """The four kinds of `flag_peers`, in turns."""
    kinds = islice(cycle(flagd_flags().items()), many)
    return {f"flag-{number}": json.loads(json.dumps(flag)) for number, (_, flag) in enumerate(kinds)}


def _shelf(many: int) -> Shelf:
    return Shelf.of(FlagSetRecord(1, "v3", {}, {}, _flags(many)), time.time)


def _bulk(shelf: Shelf, context: dict[str, Any]) -> bytes:
    given = shelf.flags.evaluate_all(context)
    return orjson.dumps([
        {"key": each.key, "reason": each.reason, "variant": each.variant,
         "value": None if each.value is CODE_DEFAULT else each.value}
        for each in given
    ])  # fmt: skip


def _reference(many: int) -> Callable[[], bytes]:
    core = import_module("openfeature.contrib.tools.flagd.core").FlagdCore()
    context = import_module("openfeature.evaluation_context").EvaluationContext(SUBJECT, PERSON)
    flags = _flags(many)
    core.set_flags({"flags": flags})
    texts = [key for key, flag in flags.items() if "a" in flag["variants"]]
    rest = [key for key in flags if key not in set(texts)]

    def bulk() -> bytes:
        given = [core.resolve_boolean_value(key, False, context) for key in rest]
        given += [core.resolve_string_value(key, "", context) for key in texts]
        return orjson.dumps([
            {"reason": each.reason, "variant": each.variant, "value": each.value} for each in given
        ])  # fmt: skip

    return bulk


def _alone(who: str) -> dict[str, float]:
    """In a process of its own: memory that one has used is not given back to measure another's."""
    command = [sys.executable, "-m", "benchmarks.flag_sets", who]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(told.stdout))


def _loaded(who: str) -> dict[str, float]:
    flags = _flags(FLAGS)
    record = FlagSetRecord(1, "v3", {}, {}, flags)
    core = import_module("openfeature.contrib.tools.flagd.core").FlagdCore() if who == "reference" else None
    gc.collect()
    before, began = _resident(), time.perf_counter()
    shelf = Shelf.of(record, time.time) if core is None else core.set_flags({"flags": flags})
    told = {"load": (time.perf_counter() - began) * 1e3}
    gc.collect()
    told["memory"] = (_resident() - before) / 1e6
    if shelf is not None:
        began = time.perf_counter()
        shelf.take(FlagSetRecord(2, "v3", {}, {}, {**flags, "flag-7": CHANGED}), time.time)
        told["change"] = (time.perf_counter() - began) * 1e3
        assert shelf.flags.evaluate("flag-7", {}).value is True
    return told


def _resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    if sys.argv[1:] in (["ours"], ["reference"]):
        print(json.dumps(_loaded(sys.argv[1])))
    else:
        main()
