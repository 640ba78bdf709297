"""`changegate demo` runs the main job to its end on real input, with and without Prometheus, and says so truthfully."""

import io
import os
import shutil
from pathlib import Path

from rich.console import Console

from cli.demo import late, report
from tests.e2e.terminal import alive, changegate, children

CLAIMS = (
    "the flag was created",
    "the good version reached everybody",
    "the bad version came back by itself from 10 %",
    "the shop recovered",
    "the unanswered change expired",
    "a late bill was refused in the soft-closed month, and in the closed one",
    "the month is closed, and its certificate proves it",
    "a late command was parked, put right by two people, and executed",
)
CLOSE = (
    "in the way: unposted",
    "a late bill, posted with raw SQL:  FP004 Period",
    "a late bill, posted with raw SQL:  FP001 Period",
    "certificate 1: 12 entries  sha256:",
    "parked as period-closed:",
    "completed in epoch 2: entry",
)


def installed() -> bool:
    """Whether this machine has a Prometheus; a build server must."""
    found = shutil.which("prometheus") is not None
    assert found or not os.environ.get("CI"), "the build server lost its Prometheus"
    return found


async def ends_as_it_must(folder: Path, source: str, **env: str) -> None:
    async with changegate(folder, "demo", **env) as demo:
        await demo.until("gates read")
        pids = children(folder)
        assert {"postgres", "temporal", "api", "worker"} <= set(pids)
        code = await demo.ended(280)
        assert code == 0, demo.text
        assert source in demo.text
        for claim in CLAIMS:
            assert f"yes  {claim}" in demo.text
        for line in CLOSE:
            assert line in demo.text
        assert "NO " not in demo.text
        assert alive(pids) == children(folder) == {}


class TestDemo:
    async def test_ends_as_it_must_with_prometheus_where_there_is_one(self, tmp_path: Path) -> None:
        await ends_as_it_must(tmp_path / "data", "Prometheus" if installed() else "our own telemetry")

    async def test_ends_as_it_must_on_our_own_telemetry(self, tmp_path: Path) -> None:
        empty = tmp_path / "nothing-is-installed-here"
        empty.mkdir()
        await ends_as_it_must(tmp_path / "data", "our own telemetry", PATH=str(empty))


class TestLateCommand:
    def test_that_is_not_late_is_told_as_it_stands(self) -> None:
        parked = {"state": "parked", "parked": "period-closed", "error": {"message": "Period 2026-02 is closed."}}
        assert late.stand(parked) == "parked as period-closed: [dim]Period 2026-02 is closed.[/]"
        assert late.stand({"state": "completed", "parked": None, "error": None}) == "completed"


class TestVerdict:
    def told(self, *wanted: tuple[str, bool]) -> tuple[bool, str]:
        console = Console(file=io.StringIO(), width=200)
        good = report.verdict(list(wanted), "http://127.0.0.1:1", console)
        assert isinstance(console.file, io.StringIO)
        return good, console.file.getvalue()

    def test_all_claims_hold(self) -> None:
        good, words = self.told(("one", True), ("two", True))
        assert good
        assert "All ended as they must." in words

    def test_one_claim_that_does_not_hold_is_enough(self) -> None:
        good, words = self.told(("one", True), ("two", False))
        assert not good
        assert "NO   two" in words
        assert "Something did not end as it must." in words
        assert "All ended" not in words
