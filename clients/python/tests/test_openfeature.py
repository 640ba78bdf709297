"""Through OpenFeature flags are evaluated in this process, as fresh as the API can make them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from changegate.flag_following import FIRST_PAUSE, LONGEST_PAUSE, full_jitter
from changegate.openfeature import ChangegateProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ProviderNotReadyError
from shop import ADA, CHECKOUT, OPEN, flag, polls, running, threads
from standin import TOKEN, StandIn, eventually

PACKAGE = Path(__file__).parents[1]
MINE = {"if": [{"==": [{"var": "plan"}, "pro"]}, "b"]}


@pytest.fixture
def shop(api: StandIn) -> Iterator[StandIn]:
    api.serve(checkout=CHECKOUT)
    yield api
    eventually(lambda: not threads())


class TestEvaluation:
    @pytest.mark.req("FR-SM-014", "OF-05")
    def test_every_type_has_its_value_variant_and_reason(self, shop: StandIn) -> None:
        shop.serve(
            text=flag("a", MINE, a="x", b="y"),
            number=flag("a", MINE, a=1, b=2),
            share=flag("a", MINE, a=1, b=0.5),
            plan=flag("a", MINE, a={"size": 1}, b={"size": [2]}),
            code=flag(None, a="x", b="y"),
            off={**flag("a", a="x"), "state": "DISABLED"},
        )
        with running(shop) as program:
            client = program.client
            eventually(lambda: program.status == "READY")
            found = client.get_boolean_details("checkout", True)
            assert (found.value, found.variant, found.reason) == (False, "off", "STATIC")
            assert found.flag_metadata["flagSetId"] == "acme/production"
            assert client.get_string_details("text", "", ADA).reason == "TARGETING_MATCH"
            assert client.get_string_value("text", "") == "x"
            assert client.get_integer_value("number", 0, ADA) == 2
            assert repr(client.get_float_value("share", 0.0)) == "1.0"
            assert client.get_float_value("number", 0.0, ADA) == 2.0
            assert client.get_object_value("plan", {}, ADA) == {"size": [2]}
            client.get_object_value("plan", {}, ADA)["size"].append(3)  # type: ignore[call-overload,union-attr]
            assert client.get_object_value("plan", {}, ADA) == {"size": [2]}
            code, off = client.get_string_details("code", "mine"), client.get_string_details("off", "mine")
            assert (code.value, code.variant, code.reason) == ("mine", None, "DEFAULT")
            assert (off.value, off.variant, off.reason) == ("mine", None, "DISABLED")

    def test_what_is_wrong_gives_the_default_and_says_why(self, shop: StandIn) -> None:
        shop.serve(bad=flag("z", a="x"))
        with running(shop) as program:
            eventually(lambda: program.status == "READY")
            for key, code in (("absent", "FLAG_NOT_FOUND"), ("checkout", "TYPE_MISMATCH"), ("bad", "PARSE_ERROR")):
                found = program.client.get_integer_details(key, 7)
                assert (found.value, found.error_code, found.reason) == (7, code, "ERROR")

    async def test_a_context_is_read_as_json(self, shop: StandIn) -> None:
        rule = {"if": [{"==": [{"var": "born.at"}, "2000-02-03T00:00:00+00:00"]}, {"var": "names.1"}]}
        shop.serve(text=flag("a", rule, a="x", b="y"))
        born = datetime(2000, 2, 3, tzinfo=UTC)
        with running(shop) as program:
            eventually(lambda: program.status == "READY")
            context = EvaluationContext(None, {"born": {"at": born}, "names": ("a", "b")})
            assert await program.client.get_string_value_async("text", "", context) == "y"


class TestFollowing:
    @pytest.mark.req("OF-03")
    def test_a_change_is_pushed_with_the_keys_that_changed(self, shop: StandIn) -> None:
        ruled = flag("off", {"if": [{"$ref": "pro"}, "on"]}, on=True, off=False)
        shop.serve({"pro": {"==": [{"var": "plan"}, "pro"]}}, number=flag("a", a=1), ruled=ruled)
        with running(shop) as program:
            eventually(lambda: polls(shop))
            assert (program.on(), program.on("ruled")) == (False, True)
            shop.serve(checkout=OPEN, number=flag("a", a=1))
            eventually(program.on)
            eventually(lambda: program.said("CONFIGURATION_CHANGED") == [["checkout"]])
            shop.serve(number=flag("a", a=True))  # for Python the same as 1
            eventually(lambda: program.on("number"))
            shop.serve({"pro": {"==": [{"var": "plan"}, "team"]}}, number=None)
            eventually(lambda: not program.on("ruled"))
            eventually(
                lambda: program.said("CONFIGURATION_CHANGED")[1:] == [["number"], ["checkout", "number", "ruled"]]
            )
            held = shop.asked[-1].headers
            assert held["changegate-instance"].startswith("py-")
            eventually(lambda: shop.asked[-1].headers["changegate-holds"] == f"flags={shop.revision}")
        assert threads() == []

    def test_without_an_answer_flags_get_stale_and_go_on(self, shop: StandIn) -> None:
        with running(shop, stale_after=0.1) as program:
            eventually(lambda: polls(shop))
            shop.stop()
            eventually(lambda: program.status == "STALE")
            assert (program.on(), program.client.get_boolean_details("checkout", True).reason) == (False, "STATIC")
            shop.serve(checkout=OPEN)
            with shop:
                eventually(program.on)
                eventually(lambda: program.status == "READY")
                eventually(lambda: program.said("CONFIGURATION_CHANGED") == [["checkout"]])

    def test_a_token_that_is_revoked_takes_no_flag_away(self, shop: StandIn) -> None:
        with running(shop, stale_after=0.1) as program:
            eventually(lambda: polls(shop))
            shop.token = "another.one"
            shop.serve(checkout=OPEN)
            eventually(lambda: polls(shop) or program.status == "STALE")
            shop.serve(checkout=CHECKOUT)
            eventually(lambda: program.status == "STALE")
            shop.token = TOKEN
            eventually(lambda: program.status == "READY")

    def test_who_gives_the_token_may_fail(self, shop: StandIn) -> None:
        words = [TOKEN, "", TOKEN]

        def token() -> str:
            if word := (words or [TOKEN]).pop(0):
                return word
            raise KeyError

        with running(shop, token=token) as program:
            eventually(lambda: polls(shop))
            shop.serve(checkout=OPEN)
            eventually(program.on)

    def test_a_moment_without_an_answer_is_not_told(self, shop: StandIn) -> None:
        with running(shop, stale_after=60.0) as program:
            eventually(lambda: polls(shop))
            shop.answers = [(503, {"Retry-After": "0"}, b""), (200, {"ETag": "1"}, b"{}")]
            shop.serve(checkout=OPEN)
            shop.serve(checkout=OPEN, other=OPEN)
            eventually(lambda: not shop.answers)
            eventually(lambda: polls(shop))
            assert program.on()
            assert (program.status, program.said("STALE")) == ("READY", [])


@pytest.mark.req("OF-05")
class TestBeginning:
    def test_who_never_had_anything_is_in_error_until_there_is_something(self, shop: StandIn) -> None:
        shop.stop()
        with running(shop, patience=0.1) as program:
            eventually(lambda: program.status == "ERROR")
            assert program.client.get_boolean_details("checkout", True).error_code == "PROVIDER_NOT_READY"
            with shop:
                eventually(lambda: program.status == "READY")
                assert program.client.get_boolean_details("checkout", True).value is False

    def test_the_last_known_flags_are_used_while_the_api_is_away(self, shop: StandIn, tmp_path: Path) -> None:
        path = tmp_path / "flags"
        with running(shop, snapshot=path) as program:
            eventually(lambda: polls(shop))
            shop.serve(checkout=OPEN)
            eventually(program.on)
            eventually(lambda: polls(shop))
        assert path.stat().st_mode & 0o777 == 0o600
        shop.stop()
        with running(shop, snapshot=path, stale_after=0.1) as program:
            eventually(program.on)
            eventually(lambda: program.status == "STALE")
            shop.serve(checkout=CHECKOUT)
            with shop:
                eventually(lambda: program.status == "READY" and not program.on())
                eventually(lambda: program.said("CONFIGURATION_CHANGED") == [["checkout"]])

    @pytest.mark.parametrize("harm", ["cut", "place", "absent"])
    def test_a_file_that_is_not_whole_or_not_of_this_place_is_not_used(
        self, shop: StandIn, tmp_path: Path, harm: str
    ) -> None:
        path = tmp_path / "flags"
        with running(shop, snapshot=path):
            eventually(path.exists)
        shop.stop()
        more: dict[str, Any] = {}
        if harm == "cut":
            path.write_bytes(path.read_bytes()[:-5])
        elif harm == "place":
            more = {"environment": "dev"}
        else:
            path.unlink()
        with running(shop, snapshot=path, patience=0.1, **more) as program:
            eventually(lambda: program.status == "ERROR")

    def test_a_refusal_at_the_start_is_an_error_beside_a_file_too(self, shop: StandIn, tmp_path: Path) -> None:
        path = tmp_path / "flags"
        with running(shop, snapshot=path):
            eventually(path.exists)
        provider = ChangegateProvider(shop.url, "not.a.token", environment="production", snapshot=path)
        try:
            with pytest.raises(ProviderNotReadyError) as refused:
                provider.initialize(EvaluationContext())
            assert "401" in str(refused.value.error_message)
        finally:
            provider.shutdown()

    @pytest.mark.parametrize("wrong", [{"url": "http://example.org"}, {"instance": "no name"}])
    def test_what_is_wrong_in_the_program_is_told_at_once(self, wrong: dict[str, str]) -> None:
        url = wrong.pop("url", "https://example.org")
        with pytest.raises(ValueError, match=r"http|instance"):
            ChangegateProvider(url, TOKEN, environment="production", **wrong)  # type: ignore[arg-type]


class TestProcesses:
    def test_a_process_that_is_forked_off_follows_by_itself(self, shop: StandIn) -> None:
        """As servers do that load an application once and fork it; it ends without being told to stop."""
        program = """
import os, sys, time
from openfeature import api
from changegate.openfeature import ChangegateProvider
api.set_provider_and_wait(ChangegateProvider(sys.argv[1], "a.good.token", environment="production"))
child = os.fork()
print("ready", flush=True)
while not api.get_client().get_boolean_value("checkout", False):
    time.sleep(0.01)
if child == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
        command = [sys.executable, "-c", program, shop.url]
        paths = os.pathsep.join([str(PACKAGE / "src"), str(PACKAGE.parents[1])])
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": paths}) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            shop.serve(checkout=OPEN)
            assert process.wait(60) == 0


def test_pauses_are_anything_up_to_a_bound_that_doubles() -> None:
    for attempt, most in ((1, FIRST_PAUSE), (3, FIRST_PAUSE * 4), (40, LONGEST_PAUSE)):
        drawn = [full_jitter(attempt) for _ in range(200)]
        assert 0 <= min(drawn) < most / 4
        assert most * 3 / 4 < max(drawn) <= most
