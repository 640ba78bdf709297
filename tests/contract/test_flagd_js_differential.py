"""Our evaluator, with bucketing v2, and flagd's for JavaScript differ in what is listed, and in nothing else."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.flags import Bucketing, FlagType
from tests.contract.differing import Batch, Outcome, Tally, as_batch, run, shown, visited
from tests.contract.flag_differences import PAGE, applying, listed
from tests.contract.flag_pairs import NOW
from tests.contract.javascript_differences import JAVASCRIPT
from tests.contract.visiting import Walk
from tests.node import HOME
from tests.vectors import vectors

ROWS = listed("flagd-core for JavaScript")


@pytest.fixture
def evaluated(node_home: Path) -> Iterator[Callable[[Batch], Sequence[Outcome]]]:
    """By one process, a line for each batch."""
    command = ["node", "differ.mjs", str(NOW)]
    with subprocess.Popen(command, cwd=node_home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines, answers = process.stdin, process.stdout

        def ask(batch: Batch) -> Sequence[Outcome]:
            asked = [(key, batch.types[key], place) for key, place in batch.asked]
            wanted = {"document": batch.document, "contexts": batch.contexts, "asked": asked}
            lines.write(json.dumps(wanted) + "\n")
            lines.flush()
            told: list[Any] = json.loads(answers.readline())
            return [None if each is None else tuple(each) for each in told]

        yield ask
        lines.close()
    assert process.returncode == 0


@pytest.mark.req("FD-06")
class TestAgainstJavaScript:
    def test_fifty_thousand_pairs(self, evaluated: Callable[[Batch], Sequence[Outcome]]) -> None:
        tally = Tally(JAVASCRIPT, Bucketing.V2)
        run(tally, evaluated, seed=2, pairs=50_000)
        tally.prove(50_000)

    def test_every_listed_difference_is_one(self, evaluated: Callable[[Batch], Sequence[Outcome]]) -> None:
        assert {row.id for row in ROWS} == JAVASCRIPT.keys()
        pinned = json.loads((HOME / "package.json").read_text(encoding="utf-8"))["dependencies"]
        assert f"\nVersion {pinned['@openfeature/flagd-core']} (" in PAGE.read_text(encoding="utf-8")
        batch = as_batch(ROWS)
        assert shown(batch, evaluated(batch), JAVASCRIPT, Bucketing.V2) == ROWS

    def test_what_is_written_of_splits(self, evaluated: Callable[[Batch], Sequence[Outcome]]) -> None:
        written = vectors(Bucketing.V2)
        cases = [(key, case) for key, case in written.cases if key.startswith("split-")]
        types = {key: FlagType(written.types[key]) for key, _ in cases}
        contexts = [case["context"] for _, case in cases]
        asked = [(key, place) for place, (key, _) in enumerate(cases)]
        batch, compared = Batch({key: written.flags[key] for key in types}, types, contexts, asked), 0
        for (key, case), found in zip(cases, evaluated(batch), strict=True):
            visits = visited(Walk(key, Bucketing.V2, {}), key, written.flags[key], case["context"])
            if not applying(JAVASCRIPT, visits):
                assert found is not None, (key, case)
                assert found[:3] == (case["variant"], case["value"], case["reason"]), (key, case)
                compared += 1
        assert compared > 30


def test_types_are_those_that_the_program_knows() -> None:
    program = (Path(__file__).parent / "js" / "differ.mjs").read_text(encoding="utf-8")
    assert all(f"  {kind}: (core" in program for kind in FlagType)
