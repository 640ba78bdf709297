"""A measurement is the median of several runs, told together with the machine it was taken on."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

RUNS = 7


def hardware() -> str:
    """One line: processor, cores that this process may use, Python, operating system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {cores} cores, {implementation}, {platform.system()} {platform.machine()}"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def median_seconds(call: Callable[[], object], *, runs: int = RUNS, at_least: float = 0.05) -> float:
    """Seconds for one call: the median of `runs` runs, each repeated until it takes `at_least` seconds."""
    times = 1
    while (taken := _taken(call, times)) < at_least:
        times = max(times * 2, int(times * at_least / max(taken, 1e-9)))
    return statistics.median(_taken(call, times) / times for _ in range(runs))


def _taken(call: Callable[[], object], times: int) -> float:
    repeated = range(times)
    started = time.perf_counter()
    for _ in repeated:
        call()
    return time.perf_counter() - started


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column is aligned left, the others right."""
    widths = [max(len(row[place]) for row in [columns, *rows]) for place in range(len(columns))]
    print(f"\n{title}")
    for row in [columns, ["-" * width for width in widths], *rows]:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join([first.strip().ljust(widths[0]), *others]))
