"""What the demo proposes: plans and gates for minutes, not for days."""

from typing import Any

PLAN: dict[str, Any] = {
    "strategy": "canary",
    "stages": [{"percent": p, "min_soak_seconds": 4, "max_soak_seconds": 120} for p in (10, 25, 50, 100)],
    "check_interval_seconds": 1,
    "initial_delay_seconds": 1,
    "late_grace_seconds": 1,
    "bake_seconds": 3,
}
GATES: dict[str, Any] = {
    "min_requests": 60,
    "min_checks": 3,
    "acknowledge_infeasible": True,
    # Whoever looks once should see a good version succeed; what the bad one does is plain at any level.
    "alpha_total": 0.001,
    # A minute of traffic proves little: the demo asks to exclude five times as many errors, production excludes two.
    "error_rate": {"max_tolerable_ratio": 5.0, "beta": 0.1},
    "latency": {"ratio": 3.0, "max_tolerable_ratio": 5.0, "beta": 0.1, "min_abs_effect_s": 0.05},
}


def creation(key: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "environment": "production",
        "key": key,
        "definition": definition,
        "base_version": 0,
        "plan": {"strategy": "direct"},
        "reason": "The shop learns to choose its checkout.",
    }


def canary(key: str, definition: dict[str, Any], base: int, metrics: dict[str, Any], reason: str) -> dict[str, Any]:
    return {
        "environment": "production",
        "key": key,
        "definition": definition,
        "base_version": base,
        "plan": PLAN,
        "gates": GATES,
        "metrics": metrics,
        "reason": reason,
    }
