"""What an environment asks of rollouts is read whole or refused with every fault."""

from typing import Any

import pytest

from domain.environments import Environment
from domain.errors import Invalid
from domain.rollouts import OnConflict, Strategy
from domain.rollouts.policy import StrategyNotAllowed, default_rollout_policy, parse_rollout_policy

PRODUCTION = Environment.PRODUCTION


@pytest.mark.req("S70")
class TestPolicy:
    @pytest.mark.parametrize("environment", list(Environment))
    def test_of_nothing_is_the_default_and_allows_everything(self, environment: Environment) -> None:
        policy = parse_rollout_policy({}, environment)
        assert policy == default_rollout_policy(environment)
        assert policy == parse_rollout_policy(policy.to_json(), environment)
        for strategy in Strategy:
            policy.check_strategy(strategy)
        assert policy.serialize_shared_metrics is (environment is PRODUCTION)

    def test_refuses_what_it_does_not_name(self) -> None:
        policy = parse_rollout_policy({"strategies": ["canary"], "on_conflict": "supersede"}, PRODUCTION)
        assert policy.on_conflict is OnConflict.SUPERSEDE
        with pytest.raises(StrategyNotAllowed) as refused:
            policy.check_strategy(Strategy.DIRECT)
        assert [fault.path for fault in refused.value.faults] == ["/plan/strategy"]

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            ([], ""),
            ({"more": 1}, "/more"),
            ({"strategies": []}, "/strategies"),
            ({"strategies": ["yolo"]}, "/strategies"),
            ({"strategies": [["canary"]]}, "/strategies"),
            ({"on_conflict": "fight"}, "/on_conflict"),
            ({"revert_free": 1}, "/revert_free"),
            ({"revert_window_seconds": -1}, "/revert_window_seconds"),
            ({"revert_window_seconds": True}, "/revert_window_seconds"),
            ({"revert_versions": 1.5}, "/revert_versions"),
            ({"revert_versions": 10_000}, "/revert_versions"),
        ],
    )
    def test_says_what_is_wrong(self, raw: Any, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse_rollout_policy(raw, PRODUCTION)
        assert [fault.path for fault in refused.value.faults] == [path]
