"""What belongs to one strategy alone is refused in a plan of another."""

from dataclasses import replace
from typing import Any

from domain.reading import Reading
from domain.rollouts.plan import Audience, Batches, BlueGreen, CohortMode, Plan, RollbackScope, Strategy

MOST_SMOKE = 20
MOST_IN_A_BATCH = 100_000
ORDERS = ("tier", "region")


def audience(plan: Reading, default: Plan) -> Audience:
    read = plan.inner("audience")
    read.known({"mode", "include", "exclude"})
    mode = read.choice("mode", default.audience.mode, CohortMode)
    include, exclude = read.texts("include", ()), read.texts("exclude", ())
    if default.strategy is Strategy.ROLLING and mode is not CohortMode.TENANT:
        read.fault("mode", "a rolling deployment goes from tenant to tenant")
    if mode is not CohortMode.TENANT and (include or exclude):
        read.fault("mode", "only tenants can be named to come first or last")
    for both in sorted(set(include) & set(exclude)):
        read.fault("exclude", f"{both} comes either first or last")
    return Audience(mode, include, exclude)


def batches(plan: Reading, default: Plan) -> Batches | None:
    read, usual = plan.inner("batches"), default.batches
    if usual is None:
        _refused(plan, "batches", Strategy.ROLLING)
        return None
    read.known({"order_by", "size", "percent", "pause_seconds", "max_failed", "rollback"})
    order = read.texts("order_by", usual.order_by)
    if not set(order) <= set(ORDERS):
        read.fault("order_by", "out of " + ", ".join(ORDERS))
    common: dict[str, Any] = {
        "order_by": order,
        "pause": read.seconds("pause", usual.pause),
        "max_failed": read.count("max_failed", usual.max_failed, MOST_IN_A_BATCH),
        "rollback": read.choice("rollback", usual.rollback, RollbackScope),
    }
    size, percent = read.raw.get("size"), read.raw.get("percent")
    if size is not None and percent is not None:
        read.fault("size", "either size or percent")
    if size is not None:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_IN_A_BATCH:
            read.fault("size", f"a whole number from 1 to {MOST_IN_A_BATCH}")
            return usual
        return Batches(size=size, **common)
    share = usual.percent if percent is None else read.number("percent", least=0.001, most=100)
    return Batches(percent=share, **common)


def blue_green(plan: Reading, default: Plan) -> BlueGreen | None:
    read, usual = plan.inner("blue_green"), default.blue_green
    if usual is None:
        _refused(plan, "blue_green", Strategy.BLUE_GREEN)
        return None
    read.known({"smoke", "smoke_limit_seconds", "smoke_retries", "manual_switch", "hold_seconds"})
    smoke = read.texts("smoke", (), MOST_SMOKE)
    for url in smoke:
        if not url.startswith(("http://", "https://")):
            read.fault("smoke", f"{url} is no http or https address")
    return replace(
        usual,
        smoke=smoke,
        smoke_limit=read.seconds("smoke_limit", usual.smoke_limit),
        smoke_retries=read.count("smoke_retries", usual.smoke_retries, 10),
        manual_switch=read.flag("manual_switch"),
        hold=read.seconds("hold", usual.hold),
    )


def _refused(plan: Reading, name: str, strategy: Strategy) -> None:
    if plan.raw.get(name) is not None:
        plan.fault(name, f"only where the strategy is {strategy.value}")
