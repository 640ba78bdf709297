"""Histories are recorded by hand, from the tests' own stories: `python -m tests.workflow.record`.

Run it after a deliberate change of a workflow's commands, from the root of the repository and with its environment,
and commit what it writes to tests/workflow/histories/. Histories of older code stay as long as a workflow that it
started may still run: give the new ones another prefix (`python -m tests.workflow.record v2-`), and name the stories
that alone are to be recorded after it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory

HISTORIES = Path(__file__).with_name("histories")
STORIES = {
    "success": "test_approval.py::TestLevels::test_two_levels_approved_in_order_start_the_rollout_without_another_call",
    "rollback": "test_canary.py::TestBadVersion::test_twice_the_errors_go_back_from_the_first_stage",
    "expiry": "test_approval_time.py::TestReminders::test_they_go_out_at_24_48_and_66_hours",
    "signal": "test_approval_signal.py::TestSignalledVote::test_two_levels_by_signal",
    "brought": "test_imports.py::TestGoverned::test_waits_for_its_change_and_then_holds",
    "operated": "test_control.py::TestPause::test_pause_resume_and_promote",
    "waiting": "test_apply_at.py::TestApplyAt::test_of_a_flag_waits_as_well",
    "started": "test_apply_at.py::TestApplyAt::test_is_started_now_by_an_operator",
    "killed-waiting": "test_apply_at.py::TestApplyAt::test_its_process_ends_when_its_flag_is_killed",
    "behind": "test_apply_at.py::TestApplyAt::test_behind_another_starts_when_that_has_succeeded",
    "rolling": "test_rolling.py::TestByTime::test_pause_holds_the_next_batch",
    "batch": "test_rolling.py::TestGated::test_batch_that_stays_as_it_is_waits_for_a_person_and_not_for_ever",
    "converging": "test_converging.py::TestHeld::test_operator_lets_it_go_on_as_it_is",
    "direct": "test_direct.py::TestBake::test_gates_watch_it_and_a_clean_end_is_success",
    "escalated": "test_approval_emergency.py::TestEscalation::"
    "test_after_half_of_the_time_the_fallback_is_asked_and_may_vote",
    "bypassed": "test_approval_emergency.py::TestBreakGlass::test_what_waits_for_a_vote_goes_on_at_once",
    "queued": "test_queueing.py::TestQueue::test_the_second_starts_when_the_first_has_ended",
    "frozen": "test_queueing.py::TestFreeze::test_and_batches_that_no_gate_watches",
    "lasting": "test_queueing.py::TestFreeze::test_and_a_bake_that_no_gate_watches",
    "switched": "test_blue_green.py::TestPreGate::test_whoever_passes_is_switched_to_in_one_write",
    "signalled": "test_holds.py::TestSignal::test_it_holds_and_lets_go_when_it_recovers",
    "prepared": "test_blue_green.py::TestPreGate::test_a_person_switches_where_the_plan_says_so[promote]",
    "incomplete": "test_incomplete.py::TestIncomplete::test_forced_it_goes_over_what_others_wrote",
    "urgent": "test_approval_emergency.py::TestWhatWaits::test_for_its_moment_waits_no_longer",
    "hastened": "test_approval_emergency.py::TestWhatWaits::"
    "test_for_the_end_of_a_freeze_starts_at_once_and_soaks_nowhere",
    "called": "test_weeks.py::TestIncomplete::test_accepted_in_a_new_run_it_ends",
    "met": "test_sent_back_when_admitted.py::test_it_ends_where_it_began_without_being_lost",
    "recovered": "test_recovery.py::TestTerminated::test_while_exposed_it_is_found_and_goes_back",
}
CLOSURES = {
    "closed": "test_closure_course.py::TestStraight::test_it_is_frozen_checked_approved_and_closed",
    "remedied": "test_closure_course.py::TestInTheWay::test_checks_that_fail_wait_until_it_is_looked_at_again",
    "moved": "test_closure_course.py::TestInTheWay::test_books_that_moved_are_checked_and_approved_anew",
    "beneath": "test_closure_course.py::TestInTheWay::test_what_is_posted_beneath_a_sign_off_calls_the_vote_off",
    "late": "test_closure_course.py::TestEnds::test_nobody_approves_in_time",
    "fenced": "test_closure_waits.py::TestFences::test_modules_are_asked_three_times_and_then_somebody_is_called",
    "counted": "test_closure_waits.py::TestFences::test_the_database_is_asked_when_nobody_is_missing_any_more",
    "reminded": "test_closure_waits.py::TestReminders::test_a_day_before_when_it_is_due_and_a_day_after",
    "continued": "test_closure_waits.py::TestLong::test_it_goes_on_in_a_new_run_where_the_last_one_stood",
}
"""Of closes of periods."""
REOPENINGS = {
    "reopened": "test_reopening.py::TestWindow::test_takes_entries_until_its_end_and_is_certified_anew",
    "shut": "test_reopening.py::TestWindow::test_somebody_may_shut_it_sooner",
    "cascaded": "test_reopening.py::TestWindow::test_a_cascade_is_closed_again_the_oldest_period_first",
    "called-to-mind": "test_reopening.py::TestWindow::test_who_may_still_post_is_reminded_of_its_end",
    "withdrawn": "test_reopening.py::TestVotes::test_withdrawn_it_opens_nothing",
}
"""And of what opens them again."""
SERIES = {
    "gapless": "test_closure_series.py::TestGapless::test_three_months_close_in_their_order_by_one_request",
    "grouped": "test_closure_series.py::TestGroup::"
    "test_side_by_side_and_the_parent_after_them_where_one_has_something_in_the_way",
    "aborted": "test_closure_series.py::TestAborted::test_what_it_began_ends_and_what_it_joined_goes_on",
}
"""And of many at once."""
CHUNKS = {
    "executed": "test_command_chunks.py::TestChunk::test_each_command_of_a_lease_is_executed",
}
"""And of commands that are executed."""
REPAIRS = {
    "edited": "test_command_repairs.py::TestEdit::test_is_executed_when_another_person_has_said_yes",
    "refused": "test_command_repairs.py::TestEdit::test_refused_it_leaves_the_command_as_it_was",
    "unanswered": "test_command_repairs.py::TestEdit::test_that_nobody_answers_in_time_expires",
    "taken-back": "test_command_repairs.py::TestEdit::test_withdrawn_by_its_author_its_process_ends",
    "let-go": "test_command_repairs.py::TestEdit::test_whose_process_was_cancelled_is_let_go",
}
"""And of decisions about them that wait for another person."""
LONG_COMMANDS = {
    "built": "test_command_workflow.py::TestRun::test_it_is_executed_once_and_its_end_is_told",
    "retried": "test_command_workflow.py::TestRun::test_each_attempt_is_a_run_and_a_parked_one_says_what_to_do",
    "awaited": "test_command_workflow.py::TestOutcome::test_two_who_wait_for_one_are_told_the_same",
}
"""And of those that have a workflow of their own."""
PROCESSES = {
    "stepwise": "test_sagas.py::TestForth::test_each_step_is_sent_when_the_one_before_is_done",
    "decided": "test_sagas.py::TestForth::test_a_parked_step_waits_for_a_person_and_then_it_goes_on",
    "undone": "test_sagas.py::TestBack::test_what_was_done_is_undone_in_reverse_when_a_step_fails",
    "timed": "test_sagas.py::TestBack::test_a_step_whose_time_is_up_is_not_done_any_more",
    "turned": "test_sagas.py::TestBack::test_cancelled_in_temporal_it_goes_back",
    "renewed": "test_sagas.py::TestLost::test_a_long_one_goes_on_in_a_new_run",
}
"""And of processes of several."""
BULKS = {
    "in-stages": "test_bulk_retries.py::TestPeople::test_each_command_and_each_stage_stands_in_the_trail",
    "overruled": "test_bulk_retries.py::TestCanary::"
    "test_what_waits_for_another_attempt_failed_and_a_person_may_overrule_the_gate",
    "ended-midway": "test_bulk_retries.py::TestPeople::"
    "test_paused_aborted_midway_each_command_is_told_and_what_came_later_is_untouched",
    "agreed": "test_bulk_retries.py::TestAnother::test_a_large_one_begins_once_another_person_has_said_yes",
    "carried-on": "test_bulk_retries.py::TestLost::test_long_it_goes_on_in_a_new_run",
}
"""And of decisions about many of them."""
WANTED = "CHANGEGATE_RECORD_HISTORY"
"""The variable that tells the replay at the end of a story to keep what it replayed, under this path's beginning."""


def kept(kind: str, history: WorkflowHistory) -> None:
    wanted = os.environ.get(WANTED)
    if wanted:
        text = json.dumps(history.to_json_dict(), indent=1)
        text = re.sub(r'"identity": "[^"]*"', '"identity": "recorded"', text)  # which process of which machine
        Path(f"{wanted}-{kind}.json").write_text(text + "\n")


def main(prefix: str = "", *names: str) -> int:
    HISTORIES.mkdir(exist_ok=True)
    commands = {**CHUNKS, **REPAIRS, **LONG_COMMANDS, **PROCESSES, **BULKS}
    stories = {**STORIES, **CLOSURES, **commands, **REOPENINGS, **SERIES}
    for name, story in {each: stories[each] for each in names or stories}.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"tests/workflow/{story}"]
        env = {**os.environ, WANTED: str(HISTORIES / f"{prefix}{name}")}
        if subprocess.run(command, env=env, check=False).returncode != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
