"""While the API is away settings are as they were last known, in memory and on the disk; in the end none follows."""

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import changegate
import pytest
from changegate import Settings
from scenes import following, settled, waits
from standin import TOKEN, StandIn, Value, eventually


@pytest.fixture
def api(api: StandIn) -> StandIn:
    return settled(api)


class TestTheEnd:
    def test_no_thread_is_left_and_the_last_values_are(self, api: StandIn, tmp_path: Path) -> None:
        before = set(threading.enumerate())
        with following(api, snapshot=tmp_path / "kept") as settings:
            assert len([each for each in threading.enumerate() if each.name == "changegate-settings"]) == 1
        ours = [each.name for each in set(threading.enumerate()) - before if "process_request" not in each.name]
        assert ours == []  # but the stand-in's
        settings.close()
        assert settings.get("billing.gateway") == "stripe"
        with pytest.raises(RuntimeError, match="closed"):
            settings.reveal("billing.token")

    def test_it_does_not_wait_for_the_long_poll(self, api: StandIn) -> None:
        with following(api):
            eventually(lambda: waits(api))
            begun = time.monotonic()
        assert not [each for each in threading.enumerate() if each.name == "changegate-settings"], begun


class TestAFork:
    def test_follows_the_api_as_its_parent_does(self, api: StandIn) -> None:
        """As servers do that load an application once and fork it."""
        program = """
import os, sys, time, changegate
settings = changegate.Settings(sys.argv[1], "a.good.token", environment="production")
child = os.fork()
print("ready", flush=True)
while settings.get("billing.gateway") != "paypal":
    time.sleep(0.01)
if child == 0:
    assert settings.stale_since is None and settings.reveal("billing.token") == "correct horse"
    settings.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
settings.close()
"""
        source = str(Path(changegate.__file__).parents[1])
        command = [sys.executable, "-c", program, api.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": source}) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            api.say("billing.gateway", "paypal")
            assert process.wait(60) == 0


class TestTheStart:
    def test_a_token_that_is_not_accepted_is_said(self, api: StandIn) -> None:
        with pytest.raises(changegate.NotKnown) as refused:
            Settings(api.url, "a.wrong.token", environment="production")
        assert (refused.value.status, refused.value.kind) == (401, "unauthenticated")
        assert "a.wrong.token" not in str(refused.value)
        assert [each for each in threading.enumerate() if each.name == "changegate-settings"] == []

    def test_a_token_that_is_not_accepted_is_said_with_a_snapshot_too(self, api: StandIn, tmp_path: Path) -> None:
        with following(api, snapshot=tmp_path / "kept"):
            pass
        with pytest.raises(changegate.NotKnown):
            Settings(api.url, "a.wrong.token", environment="production", scope="company:de", snapshot=tmp_path / "kept")

    def test_without_api_and_snapshot_there_is_nothing_to_begin_with(self, api: StandIn) -> None:
        api.stop()
        with pytest.raises(changegate.Unreachable):
            Settings(api.url, TOKEN, environment="production")

    def test_a_token_is_not_sent_in_the_clear(self) -> None:
        with pytest.raises(ValueError, match="plain http"):
            Settings("http://changegate.example.com", TOKEN, environment="production")


class TestSnapshot:
    def test_starts_without_the_api_and_is_fresh_when_it_is_back(self, api: StandIn, tmp_path: Path) -> None:
        path = tmp_path / "kept"
        with following(api, snapshot=path) as settings:
            api.say("billing.gateway", "paypal")
            eventually(lambda: settings.get("billing.gateway") == "paypal")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["kept"]  # noqa: PTH208 -- names only
        api.stop()
        with following(api, snapshot=path) as settings:
            assert settings.get("billing.gateway") == "paypal"
            assert settings.get("billing.retry", type=timedelta) == timedelta(minutes=1)
            assert settings.stale_since is not None
            with pytest.raises(changegate.SecretNotKept):
                settings.get("billing.token")
            with pytest.raises(changegate.Unreachable):
                settings.reveal("billing.token")
            api.values["billing.gateway"] = Value("adyen")
            with api:
                eventually(lambda: settings.get("billing.gateway") == "adyen")
                eventually(lambda: settings.stale_since is None)

    def test_keeps_what_is_planned(self, api: StandIn, tmp_path: Path) -> None:
        api.values["billing.gateway"] = Value("stripe", then=(time.time() + 1.5, "paypal"))
        with following(api, snapshot=tmp_path / "kept"):
            pass
        api.stop()
        with following(api, snapshot=tmp_path / "kept") as settings:
            eventually(lambda: settings.get("billing.gateway") == "paypal")

    @pytest.mark.parametrize("damage", ["cut", "bit", "empty", "foreign", "old"])
    def test_that_is_damaged_is_none(
        self, api: StandIn, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "kept"
        with following(api, snapshot=path):
            pass
        whole = path.read_bytes()
        damaged = {
            "cut": whole[:-5],
            "bit": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
            "empty": b"",
            "foreign": b"something else\n" + json.dumps({"values": {}}).encode(),
            "old": whole.replace(b"snapshot 1", b"snapshot 0"),
        }
        path.write_bytes(damaged[damage])
        api.stop()
        with caplog.at_level(logging.WARNING), pytest.raises(changegate.Unreachable):
            Settings(api.url, TOKEN, environment="production", scope="company:de", snapshot=path)
        assert "is not used" in caplog.text

    @pytest.mark.parametrize(
        "other", [{"tenant": "globex"}, {"environment": "dev"}, {"scope": "company:fr"}, {"prefix": "shop."}]
    )
    def test_of_another_place_is_none(self, api: StandIn, tmp_path: Path, other: dict[str, Any]) -> None:
        here: dict[str, Any] = {"environment": "production", "scope": "company:de", "tenant": "acme"}
        path = tmp_path / "kept"
        Settings(api.url, TOKEN, snapshot=path, **here).close()
        api.stop()
        with pytest.raises(changegate.Unreachable):
            Settings(api.url, TOKEN, snapshot=path, **{**here, **other})
        Settings(api.url, TOKEN, snapshot=path, **here).close()

    def test_that_cannot_be_written_takes_nothing_away(
        self, api: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with following(api, snapshot=tmp_path / "not there" / "kept") as settings:
            assert settings.get("billing.gateway") == "stripe"
        assert "cannot be written" in caplog.text
