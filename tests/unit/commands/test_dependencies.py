"""What a command depends on is named by its type, and by its payload where it goes to one of many receivers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.canonical import Json
from domain.commands.breakers import LONGEST_REST, Breaker, BreakerState, Passage, Patience
from domain.commands.dependencies import Dependence
from domain.commands.limits import LimitScope
from domain.commands.policies import TypePolicy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def hooks(apart: str | None = "/to") -> Dependence:
    found = Dependence.of("works.tell", TypePolicy(depends_on="hooks", apart=apart).to_json())
    assert found is not None
    return found


class TestReceivers:
    @pytest.mark.req("CB-38", "CB-58")
    @pytest.mark.parametrize(
        ("payload", "receiver"),
        [
            ({"to": "crm"}, "hooks:crm"), ({"to": "7c9e6679-7425-40de-944b-e07fc1f90ae7"},
            "hooks:7c9e6679-7425-40de-944b-e07fc1f90ae7"), ({"to": "x" * 81}, "hooks"), ({"to": ""}, "hooks"),
            ({"to": 7}, "hooks"), ({"to": ["crm"]}, "hooks"), ({}, "hooks"), ([], "hooks"),
        ],
    )  # fmt: skip
    def test_are_named_by_a_short_name(self, payload: Json, receiver: str) -> None:
        assert hooks().receiver(payload) == receiver
        assert hooks(None).receiver(payload) == ""

    def test_stand_deeper_where_the_pointer_says_so(self) -> None:
        assert hooks("/over/there").receiver({"over": {"there": "crm"}}) == "hooks:crm"
        assert hooks("/over/there").receiver({"over": "crm"}) == "hooks"

    @pytest.mark.parametrize("said", ["ann@example.com", "Ann", "~crm", "crm:x", "crm\n", "x" * 41])
    def test_of_a_person_are_a_digest(self, said: str) -> None:
        told = hooks().receiver({"to": said})
        assert said not in told
        assert told.startswith("hooks:~")
        assert hooks().has(told)
        assert told == hooks().receiver({"to": said}) != hooks().receiver({"to": f"{said}2"})

    def test_are_those_of_types_that_tell_them_apart(self) -> None:
        assert [hooks().has(each) for each in ("hooks", "hooks:crm", "other", "other:crm")] == [
            True,
            True,
            False,
            False,
        ]
        assert [hooks(None).has(each) for each in ("hooks", "hooks:crm")] == [True, False]
        assert Dependence.of("works.tell", TypePolicy().to_json()) is None
        shared = Dependence.of("works.tell", TypePolicy(depends_on="crm", limit_scope="everywhere").to_json())
        assert shared == Dependence("works.tell", "crm", LimitScope.EVERYWHERE)

    def test_are_told_with_their_bound(self) -> None:
        said: Any = TypePolicy(depends_on="hooks", apart="/to", at_once_apart=2).to_json()
        assert (said["depends_on"], said["apart"], said["at_once_apart"]) == ("hooks", "/to", 2)
        policy = TypePolicy(depends_on="hooks", apart="/to")
        assert [policy.dependency(each) for each in ("hooks:crm", "")] == ["hooks:crm", "hooks"]
        assert TypePolicy(depends_on="hooks").dependency("hooks:crm") == "hooks"


class TestOneThatIsDown:
    @pytest.mark.req("CB-38")
    def test_costs_one_probe_for_each_rest_of_at_most_ten_minutes(self) -> None:
        patience, now, breaker, probes = Patience(5, timedelta(seconds=30)), NOON, Breaker("hooks:crm"), 0
        for _ in range(5):
            breaker = breaker.heard(now, patience, answered=False)
        while now < NOON + timedelta(hours=6):
            assert breaker.state is BreakerState.OPEN
            assert breaker.until is not None
            assert breaker.until - now <= LONGEST_REST == timedelta(minutes=10)
            now = breaker.until
            assert breaker.passage(now) is Passage.PROBE
            probing, probes = breaker.probing(now, timedelta(minutes=1)), probes + 1
            assert probing.passage(now) is Passage.NOTHING
            breaker = probing.heard(now, patience, answered=False)
        assert probes == 40
