"""What users met is reported by flag and variant, with outcomes and latencies, once."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changegate.telemetry import BOUNDS, MOST, MOST_MET, MOST_WAITING, THREAD, Telemetry
from openfeature import api as features
from shop import CHECKOUT, running
from standin import TOKEN, StandIn, eventually

PACKAGE = Path(__file__).parents[1]


@pytest.fixture
def telemetry(api: StandIn) -> Iterator[Telemetry]:
    made = Telemetry(api.url, TOKEN, environment="production", every=3600.0)
    yield made
    made.close()
    assert not [each for each in threading.enumerate() if each.name == THREAD]


def reports(api: StandIn) -> list[Any]:
    return [each.body for each in api.asked if each.path == "/telemetry"]


def work(telemetry: Telemetry, *pairs: tuple[str, str], failed: bool = False) -> None:
    with telemetry.measure() as unit:
        for key, variant in pairs:
            telemetry.met(key, variant)
        unit.failed = failed


def breaks(telemetry: Telemetry) -> None:
    with telemetry.measure():
        telemetry.met("checkout", "off")
        raise KeyError


@pytest.mark.req("OF-06")
class TestTelemetry:
    def test_a_unit_counts_once_for_each_variant_that_it_met(self, api: StandIn, telemetry: Telemetry) -> None:
        telemetry.met("checkout", "outside of any")
        work(telemetry, ("checkout", "on"), ("checkout", "on"), ("theme", "dark"))
        work(telemetry, ("checkout", "on"), failed=True)
        with pytest.raises(KeyError):
            breaks(telemetry)
        work(telemetry)
        telemetry.flush()
        telemetry.flush()
        (report,) = reports(api)
        told = {(each["key"], each["variant"]): (each["requests"], each["errors"]) for each in report["samples"]}
        assert told == {("checkout", "on"): (2, 1), ("theme", "dark"): (1, 0), ("checkout", "off"): (1, 1)}
        for sample in report["samples"]:
            assert [each["le"] for each in sample["buckets"]] == [*BOUNDS, None]
            assert sum(each["count"] for each in sample["buckets"]) == sample["requests"]
            assert sample["environment"] == "production"

    async def test_units_of_one_thread_do_not_mix(self, api: StandIn, telemetry: Telemetry) -> None:
        async def unit(name: str) -> None:
            with telemetry.measure():
                await asyncio.sleep(0)
                telemetry.met("checkout", name)

        await asyncio.gather(*(asyncio.create_task(unit(name)) for name in ("a", "b")))
        telemetry.flush()
        assert sorted(each["variant"] for each in reports(api)[0]["samples"]) == ["a", "b"]

    def test_what_cannot_be_sent_is_sent_again_under_its_name(self, api: StandIn, telemetry: Telemetry) -> None:
        api.answers = [(503, {}, b"")]
        work(telemetry, ("checkout", "on"))
        telemetry.flush()
        work(telemetry, ("checkout", "off"))
        telemetry.flush()
        first, again, then = reports(api)
        assert (first == again, first["batch"] == then["batch"]) == (True, False)
        keys = [each.headers["idempotency-key"] for each in api.asked]
        assert keys == [first["batch"], first["batch"], then["batch"]]

    def test_who_gives_the_token_may_fail(self, api: StandIn) -> None:
        words = [TOKEN]
        telemetry = Telemetry(api.url, words.pop, environment="production", every=0.01)
        work(telemetry, ("checkout", "on"))
        eventually(lambda: reports(api))
        work(telemetry, ("checkout", "off"))
        eventually(lambda: telemetry._waiting)
        words += [TOKEN] * 2
        eventually(lambda: len(reports(api)) == 2)
        telemetry.close()

    def test_what_is_never_taken_is_not_kept(self, api: StandIn, telemetry: Telemetry) -> None:
        api.answers = [(422, {"Content-Type": "application/problem+json"}, b"{}")]
        work(telemetry, ("checkout", "on"))
        telemetry.flush()
        telemetry.flush()
        assert len(reports(api)) == 1

    def test_it_has_bounds(self, api: StandIn, telemetry: Telemetry) -> None:
        for number in range(MOST // MOST_MET + 1):
            work(telemetry, *((f"flag-{number}", f"variant-{each}") for each in range(MOST_MET + 1)))
        telemetry.flush()
        assert len(reports(api)[0]["samples"]) == MOST
        api.stop()
        for number in range(MOST_WAITING + 2):
            work(telemetry, ("checkout", str(number)))
            telemetry._pack()
        with api:
            telemetry.flush()
        assert [each["samples"][0]["variant"] for each in reports(api)[1:]] == [
            str(number) for number in range(2, MOST_WAITING + 2)
        ]

    def test_it_reports_by_itself(self, api: StandIn) -> None:
        telemetry = Telemetry(api.url, TOKEN, environment="production", every=0.01)
        work(telemetry, ("checkout", "on"))
        eventually(lambda: reports(api))
        telemetry.close()

    def test_the_provider_tells_it_what_was_met(self, api: StandIn, telemetry: Telemetry) -> None:
        api.serve(checkout=CHECKOUT, code={**CHECKOUT, "defaultVariant": None})
        with running(api, telemetry=telemetry) as program:
            eventually(lambda: program.status == "READY")
            with telemetry.measure():
                assert not program.on()
                program.on("code")
                program.on("absent")
        telemetry.flush()
        assert [(each["key"], each["variant"]) for each in reports(api)[0]["samples"]] == [("checkout", "off")]
        assert features.get_hooks() == []

    def test_a_program_that_ends_has_told_what_it_met_and_so_has_its_child(self, api: StandIn) -> None:
        program = """
import os, sys
from changegate.telemetry import Telemetry
telemetry = Telemetry(sys.argv[1], "a.good.token", environment="production", every=3600.0)
with telemetry.measure():
    telemetry.met("checkout", "parent")
child = os.fork()
if child == 0:
    with telemetry.measure():
        telemetry.met("checkout", "child")
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
        paths = os.pathsep.join([str(PACKAGE / "src"), str(PACKAGE.parents[1])])
        command = [sys.executable, "-c", program, api.url]
        subprocess.run(command, check=True, timeout=60, env={"PYTHONPATH": paths})
        told = [(each["variant"], each["requests"]) for report in reports(api) for each in report["samples"]]
        assert told == [("child", 1), ("parent", 1)]
