"""How long a command is kept after it is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.commands import CommandState
from domain.commands.policies import TypePolicy
from domain.commands.purging import OldCommand, Retention

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RETENTION = Retention(30 * DAY, 365 * DAY)


def ended(days: int, state: CommandState = CommandState.COMPLETED, *, bound: bool = False) -> OldCommand:
    at = NOW - days * DAY
    return OldCommand(("ledger", "42"), "ledger.post", 1, state, at, at, bound)


@pytest.mark.req("CB-08")
@pytest.mark.parametrize(
    ("bound", "policy", "days"),
    [
        (False, {}, 30),
        (False, TypePolicy().to_json(), 30),
        (True, {}, 365),
        (False, TypePolicy(money=True).to_json(), 365),
        (False, TypePolicy(posts="AP").to_json(), 365),
        (False, None, 365),
        (True, TypePolicy(posts="AP", kept_days=400).to_json(), 400),
        (True, TypePolicy(money=True, kept_days=2).to_json(), 2),
    ],
)
def test_depends_on_what_it_belongs_to_unless_its_type_says(*, bound: bool, policy: Any, days: int) -> None:
    assert RETENTION.ended(ended(days, bound=bound), policy, NOW)
    assert not RETENTION.ended(ended(days - 1, bound=bound), policy, NOW)


@pytest.mark.req("CB-08")
@pytest.mark.parametrize("state", [CommandState.PENDING, CommandState.PARKED, CommandState.RUNNING])
def test_begins_when_it_is_over(state: CommandState) -> None:
    assert not RETENTION.ended(ended(4000, state), {}, NOW)


def test_is_never_less_than_the_least_that_somebody_says() -> None:
    assert RETENTION.least({}) == 30 * DAY
    assert RETENTION.least({("ledger.post", 1): {"kept_days": 2}, ("ledger.post", 2): {}}) == 2 * DAY


def test_is_a_day_at_least() -> None:
    with pytest.raises(ValueError, match="one day"):
        TypePolicy(kept_days=0)
