"""What a person looks up when a deployment stands still or has ended is there."""

import re

import pytest

from domain.rollouts import TERMINAL, HoldReason, State
from tests.architecture.repository import ROOT

RUNBOOK = (ROOT / "docs" / "howto" / "runbook.md").read_text(encoding="utf-8")
COURSE = (ROOT / "docs" / "explanation" / "deployments.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("state", sorted(TERMINAL | {State.ROLLBACK_INCOMPLETE}))
def test_the_runbook_says_what_to_do_in_every_end(state: State) -> None:
    assert f"| `{state}` |" in RUNBOOK or f"## {state}\n" in RUNBOOK


@pytest.mark.parametrize("state", sorted(State))
def test_every_state_is_explained(state: State) -> None:
    assert f"`{state}`" in COURSE


@pytest.mark.parametrize("reason", sorted(HoldReason))
def test_every_hold_says_how_it_ends(reason: HoldReason) -> None:
    told = {HoldReason.OPERATOR: "pause_by_operator"}.get(reason, reason.value)
    assert f"`{told}`" in COURSE.partition("## What holds a stage")[2]


def test_the_runbook_names_every_cause_for_which_what_is_approved_waits() -> None:
    rooms = [ROOT / "application" / "locking" / name for name in ("waiting.py", "seeing.py")]
    text = "".join(room.read_text(encoding="utf-8") for room in rooms)
    causes = set(re.findall(r"""(?:Wait\(State\.[A-Z]+, |= |return |else )"([a-z]+(?:_[a-z]+)*)\"""", text))
    assert {"frozen", "target_is_held", "waits_for_its_window", "metrics_do_not_answer"} <= causes
    assert [cause for cause in sorted(causes) if f"`{cause}`" not in RUNBOOK] == []
