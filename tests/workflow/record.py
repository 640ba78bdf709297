"""Histories are recorded by hand, from the tests' own stories: `python -m tests.workflow.record`.

Run it after a deliberate change of a workflow's commands, from the root of the repository and with its environment,
and commit what it writes to tests/workflow/histories/. Histories of older code stay as long as a workflow that it
started may still run: give the new ones another prefix (`python -m tests.workflow.record v2-`).
"""

import os
import subprocess
import sys
from pathlib import Path

HISTORIES = Path(__file__).with_name("histories")
STORIES = {
    "success": "test_approval.py::TestLevels::test_two_levels_approved_in_order_start_the_rollout_without_another_call",
    "rollback": "test_canary.py::TestBadVersion::test_twice_the_errors_go_back_from_the_first_stage",
    "expiry": "test_approval_time.py::TestReminders::test_they_go_out_at_24_48_and_66_hours",
    "signal": "test_approval_signal.py::TestSignalledVote::test_two_levels_by_signal",
    "brought": "test_imports.py::TestGoverned::test_waits_for_its_change_and_then_holds",
    "operated": "test_control.py::TestPause::test_pause_resume_and_promote",
    "waiting": "test_apply_at.py::TestApplyAt::test_of_a_flag_waits_as_well",
}
WANTED = "CHANGEGATE_RECORD_HISTORY"
"""The variable that tells the replay at the end of a story to keep what it replayed, under this path's beginning."""


def main(prefix: str = "") -> int:
    HISTORIES.mkdir(exist_ok=True)
    for name, story in STORIES.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"tests/workflow/{story}"]
        env = {**os.environ, WANTED: str(HISTORIES / f"{prefix}{name}")}
        if subprocess.run(command, env=env, check=False).returncode != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
