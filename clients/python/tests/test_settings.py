"""Settings are read from memory, and are fresh while the API answers."""

import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import changegate
import pytest
from changegate import AsyncSettings, Change, Settings, hearing
from changegate import following as following_
from scenes import following, holds, settled, waits
from standin import TOKEN, StandIn, Value, becomes, eventually, problem


@pytest.fixture
def api(api: StandIn) -> StandIn:
    return settled(api)


class TestReading:
    def test_every_page_is_there(self, api: StandIn) -> None:
        with following(api) as settings:
            assert settings.keys() == sorted(api.values)
            assert settings.get("billing.gateway") == "stripe"
            assert settings.stale_since is None
            assert settings.error is None

    def test_the_server_is_asked_for_the_scope_in_the_name_of_the_token(self, api: StandIn) -> None:
        with following(api, tenant="acme"):
            first = api.asked[1]
        assert (first.path, first.query["environment"], first.query["scope"]) == (
            "/settings/effective",
            "production",
            "company:de",
        )
        assert (first.headers["authorization"], first.headers["changegate-tenant"]) == (f"Bearer {TOKEN}", "acme")

    def test_values_are_of_the_type_that_is_asked_for(self, api: StandIn) -> None:
        with following(api) as settings:
            assert settings.get("billing.limit", type=int) == 100
            assert settings.get("shop.rate", type=float) == 1.0
            assert settings.get("shop.open", type=bool) is True
            assert settings.get("billing.retry", type=timedelta) == timedelta(minutes=1)
            assert settings.get("billing.countries", type=list) == ["de", "fr"]
            for key, kind in (("shop.open", int), ("billing.limit", str), ("shop.note", str), ("billing.limit", bool)):
                with pytest.raises(changegate.WrongType, match=key):
                    settings.get(key, type=kind)

    def test_a_default_is_for_what_nobody_said(self, api: StandIn) -> None:
        with following(api) as settings:
            assert settings.get("unknown", default="x") == "x"
            assert settings.get("unknown", default=None, type=str) is None
            assert settings.get("shop.note", default="x") is None
            with pytest.raises(changegate.Unset, match="unknown"):
                settings.get("unknown")

    def test_what_a_caller_does_to_a_list_nobody_else_sees(self, api: StandIn) -> None:
        with following(api) as settings:
            settings.get("billing.countries").append("xx")
            assert settings.get("billing.countries") == ["de", "fr"]

    def test_a_prefix_leaves_the_others_out(self, api: StandIn) -> None:
        with following(api, prefix="shop.") as settings:
            assert settings.keys() == ["shop.note", "shop.open", "shop.rate"]

    def test_reading_asks_nobody(self, api: StandIn) -> None:
        with following(api) as settings:
            eventually(lambda: waits(api))
            before = len(api.asked)
            for _ in range(1000):
                settings.get("billing.gateway")
            assert len(api.asked) == before


class TestSecrets:
    def test_are_not_kept_and_asked_for_each_time(self, api: StandIn, tmp_path: Path) -> None:
        with following(api, snapshot=tmp_path / "kept") as settings:
            with pytest.raises(changegate.SecretNotKept, match="reveal"):
                settings.get("billing.token", default="x")
            assert [settings.reveal("billing.token") for _ in range(2)] == ["correct horse"] * 2
        assert sum(each.path.endswith("/reveal") for each in api.asked) == 2
        kept = (tmp_path / "kept").read_text()
        assert "correct horse" not in kept
        assert "$secret" not in kept

    def test_a_callback_may_ask_for_the_new_one(self, api: StandIn) -> None:
        told: list[str] = []
        with following(api) as settings:
            settings.on_change(lambda change: told.append(settings.reveal(change.key)))
            api.say("billing.token", "another", "secret")
            eventually(lambda: told == ["correct horse"])

    def test_a_change_is_told_without_the_fingerprint(self, api: StandIn) -> None:
        told: list[Change] = []
        with following(api) as settings:
            settings.on_change(told.append)
            api.say("billing.token", "another", "secret")
            eventually(lambda: told)
        assert told == [Change("billing.token", None, None)]


@pytest.mark.parametrize("stream", [False, True], ids=["poll", "stream"])
class TestChanges:
    def test_are_seen(self, api: StandIn, *, stream: bool) -> None:
        told: list[Change] = []
        with following(api, stream=stream) as settings:
            off = settings.on_change(told.append)
            api.say("billing.gateway", "paypal")
            eventually(lambda: settings.get("billing.gateway") == "paypal")
            eventually(lambda: told == [Change("billing.gateway", "stripe", "paypal")])
            off()
            api.say("billing.gateway", "adyen")
            eventually(lambda: settings.get("billing.gateway") == "adyen")
            assert len(told) == 1

    def test_a_setting_that_is_new_is_there(self, api: StandIn, *, stream: bool) -> None:
        with following(api, stream=stream) as settings:
            api.say("a.new.one", 5, "integer")
            assert eventually(lambda: settings.get("a.new.one", default=0)) == 5

    def test_go_on_after_the_api_was_away(self, api: StandIn, *, stream: bool) -> None:
        with following(api, stream=stream) as settings:
            api.stop()
            eventually(lambda: settings.stale_since)
            assert isinstance(settings.error, changegate.Unreachable)
            assert settings.get("billing.gateway") == "stripe"
            api.values["billing.gateway"] = Value("paypal")
            with api:
                eventually(lambda: settings.get("billing.gateway") == "paypal")
                eventually(lambda: settings.stale_since is None)
                api.say("billing.gateway", "adyen")
                eventually(lambda: settings.get("billing.gateway") == "adyen")


class TestFollowing:
    def test_everything_is_read_again_when_the_server_says_so(self, api: StandIn) -> None:
        with following(api) as settings:
            api.values["billing.gateway"] = Value("paypal")
            with api.news:
                api.resync_next = True
                api.news.notify_all()
            eventually(lambda: settings.get("billing.gateway") == "paypal")

    def test_many_changes_are_read_as_one(self, api: StandIn) -> None:
        many = {f"many.key{number:02}": Value(0, "integer") for number in range(40)}
        api.values |= many
        with following(api, stream=True) as settings:
            eventually(lambda: "text/event-stream" in api.asked[-1].headers["accept"])
            before = len(api.asked)
            with api.news:
                api.values |= dict.fromkeys(many, Value(1, "integer"))
                api.events += many
                api.news.notify_all()
            eventually(lambda: {settings.get(key) for key in many} == {1})
            alone = [each for each in api.asked[before:] if each.path.endswith("/effective") and "many" in each.path]
        assert len(alone) <= 20

    def test_a_change_that_nobody_tells_is_found(self, api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following_, "CHECKED_EVERY", 0.1)
        monkeypatch.setattr(hearing, "WAIT", 1)
        with following(api) as settings:
            api.values["billing.gateway"] = Value("paypal")
            api.untold = 1
            eventually(lambda: settings.get("billing.gateway") == "paypal")

    def test_one_change_is_read_alone(self, api: StandIn) -> None:
        with following(api) as settings:
            eventually(lambda: waits(api))
            before = len(api.asked)
            api.say("billing.gateway", "paypal")
            eventually(lambda: settings.get("billing.gateway") == "paypal")
            asked = [each.path for each in api.asked[before:] if each.path != "/watch"]
            assert asked == ["/settings/billing.gateway/effective"]

    def test_a_callback_that_fails_takes_nothing_with_it(self, api: StandIn, caplog: pytest.LogCaptureFixture) -> None:
        told: list[Change] = []

        def fail(change: Change) -> None:
            raise RuntimeError(change.key)

        with following(api) as settings:
            settings.on_change(fail)
            settings.on_change(told.append)
            api.say("billing.gateway", "paypal")
            eventually(lambda: told)
        assert "a callback failed on a change of billing.gateway" in caplog.text

    def test_what_is_planned_holds_on_time_without_the_api(self, api: StandIn) -> None:
        api.values["billing.gateway"] = Value("stripe", then=(time.time() + 5, "paypal"))
        told: list[Change] = []
        with following(api) as settings:
            settings.on_change(told.append)
            assert settings.get("billing.gateway") == "stripe"
            api.stop()
            eventually(lambda: settings.get("billing.gateway") == "paypal")
            eventually(lambda: told == [Change("billing.gateway", "stripe", "paypal")])

    def test_a_token_may_be_renewed(self, api: StandIn) -> None:
        given: list[str] = []

        def token() -> str:
            given.append(api.token)
            return api.token

        with Settings(api.url, token, environment="production") as settings:
            api.token = "another.token"
            api.say("billing.gateway", "paypal")
            eventually(lambda: settings.get("billing.gateway") == "paypal")
        assert len(given) > 3

    def test_many_threads_read_while_it_changes(self, api: StandIn) -> None:
        seen: set[str] = set()
        over = threading.Event()
        with following(api) as settings:

            def read() -> None:
                while not over.is_set():
                    seen.add(settings.get("billing.gateway", type=str))

            readers = [threading.Thread(target=read) for _ in range(4)]
            for each in readers:
                each.start()
            for number in range(5):
                api.say("billing.gateway", f"number {number}")
                eventually(partial(holds, settings, f"number {number}"))
            over.set()
            for each in readers:
                each.join()
        assert seen <= {"stripe", *(f"number {number}" for number in range(5))}


class TestAsyncio:
    async def test_follows_in_the_loop_of_the_program(self, api: StandIn) -> None:
        told: list[Change] = []
        async with AsyncSettings(api.url, TOKEN, environment="production") as settings:
            settings.on_change(told.append)
            api.say("billing.gateway", "paypal")
            await becomes(lambda: settings.get("billing.gateway") == "paypal")
            assert await settings.reveal("billing.token") == "correct horse"
            assert told == [Change("billing.gateway", "stripe", "paypal")]

    async def test_a_refusal_is_said_at_the_start(self, api: StandIn) -> None:
        api.answers = [problem(403, "permission-missing", "Your roles in this tenant do not allow this.")]
        with pytest.raises(changegate.NotAllowed):
            async with AsyncSettings(api.url, TOKEN, environment="production"):
                pass
