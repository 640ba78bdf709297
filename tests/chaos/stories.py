"""What a rollout of each strategy does from its approval to its end, activity by activity."""

from typing import Any

from domain.rollouts import State
from tests.workflow.theatre import BRISK, DIRECT, EXPRESS, plan

TURBO = {**EXPRESS, "variants": {**EXPRESS["variants"], "turbo": "t"}, "defaultVariant": "turbo"}  # type: ignore[dict-item]  # a mapping of variants
QUICK: dict[str, Any] = {"initial_delay_seconds": 1, "check_interval_seconds": 1}
BRISK_PLAN = plan(10, 100, soak=0, **QUICK)
LONG_PLAN = plan(10, 25, 50, 100, soak=0, **QUICK)
UNSEEN = {"converge": 0}
GROWING = {**plan(50, 100, soak=0, **QUICK), **UNSEEN}
ROLLING = {"strategy": "rolling", "bake_seconds": 0, "batches": {"size": 1, "pause_seconds": 0},
           "stages": [{"percent": 100, "min_soak_seconds": 0, "max_soak_seconds": 0}], **UNSEEN}  # fmt: skip
STORIES: dict[str, dict[str, Any]] = {
    "approval": {"plan": {**DIRECT, **UNSEEN}},
    "success": {"plan": {**LONG_PLAN, **UNSEEN}, "gates": {**BRISK, "min_checks": 3}},
    "failure": {"plan": BRISK_PLAN, "content": TURBO},
    "switch": {"plan": {"strategy": "blue-green", "bake_seconds": 0}, "gates": None},
    "rolling": {"plan": ROLLING, "gates": None},
    "tenants": {"plan": GROWING},
    "broken": {"plan": GROWING},
}
ELSEWHERE = {"rolling", "tenants", "broken"}
"""What is for two tenants below, of whom the first is served first; whose names begin with `broken` fail."""
SHAPE = {
    "approval": ["state", "cast", "cast", "admit", "expose", "move", "move"],
    "success": ["state", "admit", "expose", "check", "check", "check", "check", "expose", "check", "check", "check",
                "expose", "check", "check", "check", "expose", "move", "move"],
    "failure": ["state", "admit", "expose", "converge", "move", "check", "check", "move", "restore", "converge",
                "restored"],
    "switch": ["state", "admit", "smoke", "expose", "converge", "move", "move", "move"],
    "rolling": ["state", "admit", "expose", "frozen", "expose", "move", "move"],
    "tenants": ["state", "admit", "expose", "check", "check", "check", "expose", "move", "move"],
    "broken": ["state", "admit", "expose", "check", "check", "move", "restore"],
}  # fmt: skip
_BACK = {"failure", "broken"}
ENDS = {story: State.ROLLED_BACK if story in _BACK else State.SUCCEEDED for story in STORIES}
SERVED = {story: "classic" if story in _BACK else "express" for story in STORIES}
