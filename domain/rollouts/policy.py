"""What an environment asks of every rollout of one kind: how it may go, whom it waits for, and how it is taken back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.rollouts.plan import OnConflict, Strategy

MOST_VERSIONS = 1000
LONGEST_WINDOW = timedelta(days=365)


class StrategyNotAllowed(Invalid):
    """In this environment nothing of this kind is rolled out that way."""

    kind = "strategy-not-allowed"


@dataclass(frozen=True)
class RolloutPolicy:
    """`on_conflict` is for plans that do not say; a revert is possible within the window and the last versions.

    `serialize_shared_metrics`: of two that would be judged by the same metric over the same cohort, one waits.
    `pause_in_freeze`: no freeze that begins lets what is under way go on.
    """

    strategies: frozenset[Strategy] = frozenset(Strategy)
    on_conflict: OnConflict = OnConflict.QUEUE
    serialize_shared_metrics: bool = False
    revert_window: timedelta = timedelta(days=7)
    revert_versions: int = 5
    revert_free: bool = False
    pause_in_freeze: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "strategies": [each.value for each in Strategy if each in self.strategies],
            "on_conflict": self.on_conflict.value,
            "serialize_shared_metrics": self.serialize_shared_metrics,
            "revert_window_seconds": self.revert_window.total_seconds(),
            "revert_versions": self.revert_versions,
            "revert_free": self.revert_free,
            "pause_in_freeze": self.pause_in_freeze,
        }

    def check_strategy(self, strategy: Strategy) -> None:
        """What takes a change back, and what is an emergency, goes any way; everything else asks here."""
        if strategy not in self.strategies:
            allowed = [each.value for each in Strategy if each in self.strategies]
            raise StrategyNotAllowed([Fault("/plan/strategy", "one of " + ", ".join(allowed))], allowed=allowed)


def default_rollout_policy(environment: Environment) -> RolloutPolicy:
    """Every way is allowed; in production two that share a metric go one after the other."""
    return RolloutPolicy(serialize_shared_metrics=environment is Environment.PRODUCTION)


def parse_rollout_policy(raw: Any, environment: Environment) -> RolloutPolicy:
    """A policy from JSON, with the defaults of its environment; Invalid names every fault."""
    default = default_rollout_policy(environment)
    if not isinstance(raw, dict):
        raise Invalid([Fault("", "a rollout policy is an object")])
    whole = {**default.to_json(), **raw}
    faults = [Fault(f"/{name}", "unknown field") for name in sorted(set(raw) - set(default.to_json()))]
    names = [each.value for each in Strategy]
    strategies = whole["strategies"]
    if not isinstance(strategies, list) or not strategies or any(each not in names for each in strategies):
        faults.append(Fault("/strategies", "a list, not empty, of " + ", ".join(names)))
    if whole["on_conflict"] not in [each.value for each in OnConflict]:
        faults.append(Fault("/on_conflict", "one of " + ", ".join(OnConflict)))
    faults.extend(Fault(f"/{name}", "true or false") for name in _SWITCHES if not isinstance(whole[name], bool))
    seconds, versions = whole["revert_window_seconds"], whole["revert_versions"]
    if not _between(seconds, LONGEST_WINDOW.total_seconds()):
        faults.append(Fault("/revert_window_seconds", f"0 to {LONGEST_WINDOW.total_seconds():.0f}"))
    if not isinstance(versions, int) or not _between(versions, MOST_VERSIONS):
        faults.append(Fault("/revert_versions", f"a whole number, 0 to {MOST_VERSIONS}"))
    if faults:
        raise Invalid(faults)
    switches = {name: whole[name] for name in _SWITCHES}
    ways = frozenset(map(Strategy, strategies))
    return RolloutPolicy(
        ways, OnConflict(whole["on_conflict"]), revert_window=timedelta(seconds=seconds), revert_versions=versions,
        **switches,
    )  # fmt: skip


_SWITCHES = ("serialize_shared_metrics", "revert_free", "pause_in_freeze")


def _between(number: Any, most: float) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= most
