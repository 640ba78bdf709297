"""A process says which settings it holds, unless it was asked not to."""

import os

import pytest
from changegate import Settings, naming
from scenes import following, holds, settled, waits
from standin import TOKEN, StandIn, eventually


@pytest.fixture
def api(api: StandIn) -> StandIn:
    return settled(api)


def said(api: StandIn) -> list[tuple[str | None, str | None]]:
    return [(each.headers.get("changegate-instance"), each.headers.get("changegate-holds"))
            for each in api.asked if each.path == "/watch" and "cursor" in each.query]  # fmt: skip


class TestPolling:
    def test_each_poll_says_what_was_applied_before_it(self, api: StandIn) -> None:
        with following(api, instance="shop-1") as settings:
            eventually(lambda: waits(api))
            assert said(api)[-1] == ("shop-1", "settings=0")
            api.say("billing.gateway", "paypal")
            eventually(lambda: holds(settings, "paypal") and said(api)[-1] == ("shop-1", "settings=1"))

    def test_who_was_away_says_it_on_return(self, api: StandIn) -> None:
        with following(api, instance="shop-1") as settings:
            eventually(lambda: waits(api))
            api.stop()
            assert holds(settings, "stripe")
            api.say("billing.gateway", "paypal")
            with api:
                eventually(lambda: holds(settings, "paypal") and ("shop-1", "settings=1") in said(api), 20)


class TestStreaming:
    def test_what_was_applied_is_acknowledged(self, api: StandIn) -> None:
        with following(api, instance="shop-1", stream=True) as settings:
            eventually(lambda: any(each.path == "/watch" and "last-event-id" in each.headers for each in api.asked))
            api.say("billing.gateway", "paypal")
            eventually(lambda: holds(settings, "paypal") and api.asked[-1].path == "/instances/acknowledgements")
            wanted = {"environment": "production", "instances": [{"name": "shop-1", "settings": 1}]}
            assert api.asked[-1].body == wanted


class TestNames:
    def test_a_process_has_one_of_its_own_that_does_not_tell_the_host(self) -> None:
        assert naming.own_name() == naming.own_name()
        assert naming.NAME.fullmatch(naming.own_name())
        assert str(os.getpid()) != naming.own_name()

    def test_without_a_name_nothing_is_said(self, api: StandIn) -> None:
        with following(api, instance=None):
            eventually(lambda: waits(api))
            assert said(api)[-1] == (None, None)

    def test_what_is_no_name_is_refused(self, api: StandIn) -> None:
        with pytest.raises(ValueError, match="up to 100"):
            Settings(api.url, TOKEN, environment="dev", instance="a b")
