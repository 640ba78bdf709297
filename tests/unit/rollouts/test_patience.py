"""How long a switch waits for its smoke tests, and how long what was before stays warm, where a plan does not say."""

from datetime import timedelta

import pytest

from domain.environments import Environment
from domain.rollouts import Strategy, default_plan


@pytest.mark.req("S63", "S66")
@pytest.mark.parametrize("environment", list(Environment))
def test_smoke_tests_have_ten_minutes_and_blue_stays_a_day(environment: Environment) -> None:
    green = default_plan(environment, Strategy.BLUE_GREEN).blue_green
    assert green is not None
    assert (green.smoke_limit, green.smoke_retries) == (timedelta(minutes=10), 2)
    assert (green.hold, green.manual_switch) == (timedelta(hours=24), False)


@pytest.mark.req("S36")
@pytest.mark.parametrize("environment", list(Environment))
def test_what_stays_undecided_ships_silently_nowhere_in_production(environment: Environment) -> None:
    plan = default_plan(environment)
    expected = "rollback" if environment is Environment.PRODUCTION else "advance"
    assert (plan.on_inconclusive.value, plan.hold_limit) == (expected, timedelta(hours=24))
