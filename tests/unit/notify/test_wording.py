from importlib.resources import files
from uuid import UUID

import pytest

from adapters.notify.wording import FACT_CHARACTERS, worded
from application.ports.notify import FACTS, Channel, Message, Recipient

ADA = Recipient(Channel.MAIL, "ada@example.com")


def message(template: str, **facts: str) -> Message:
    given = {"title": "New rates", "environment": "prod", **facts}
    return Message(UUID(int=1), template, ADA, given, "https://changegate.example.com/changes/7")


class TestWording:
    def test_a_request_names_who_what_where_and_until_when(self) -> None:
        words = worded(message("approval_requested", requester="cy", deadline="5 March, 12:00 UTC", level="2"))
        assert words.subject == "Approval needed: New rates (prod)"
        assert words.lines == (
            'cy asks you to approve "New rates" in prod, level 2.',
            "Without an answer the request expires at 5 March, 12:00 UTC.",
        )

    def test_what_is_not_known_is_left_out(self) -> None:
        words = worded(message("approval_decided", outcome="rejected"))
        assert words.subject == "Rejected: New rates (prod)"
        assert words.lines == ('"New rates" in prod was rejected.',)

    @pytest.mark.parametrize(
        ("outcome", "subject", "line"),
        [
            ("succeeded", "Rolled out: New rates (prod)", '"New rates" is live everywhere in prod.'),
            (
                "rolled_back",
                "Rolled back: New rates (prod)",
                '"New rates" was rolled back in prod; the version from before is live again.',
            ),
            ("aborted", "Aborted: New rates (prod)", 'The rollout of "New rates" in prod ended: aborted.'),
        ],
    )
    def test_a_rollout_says_how_it_ended(self, outcome: str, subject: str, line: str) -> None:
        words = worded(message("rollout_finished", outcome=outcome, reason="gate failed"))
        assert (words.subject, words.lines) == (subject, (line, "Reason: gate failed"))

    def test_a_series_of_closes_says_what_is_closed_and_what_became_of_the_rest(self) -> None:
        words = worded(
            message("closure_series_rests", outcome="stopped", closed="1 of 3", reason="de/2025-02: rejected")
        )
        assert (words.subject, words.lines) == (
            "Stopped: 1 of 3 periods of a series are closed",
            (
                "Nothing more of it begins until somebody resumes or aborts it. What is closed stays closed.",
                "Reason: de/2025-02: rejected",
            ),
        )
        assert worded(message("closure_series_rests", outcome="closed", closed="3 of 3")).lines == (
            "Each has its certificate.",
        )

    def test_a_bulk_operation_says_what_is_done_and_what_became_of_the_rest(self) -> None:
        said = {"act": "retry", "total": "1000", "done": "0", "failed": "1"}
        words = worded(message("command_bulk_rests", outcome="stopped", reason="1 of 1 failed again", **said))
        assert (words.subject, words.lines) == (
            "Stopped: retry of 1000 parked commands, 0 done and 1 failed again",
            (
                "The others were not touched. Look at the errors, then abort it, or resume it past its gate.",
                "Reason: 1 of 1 failed again",
            ),
        )
        assert worded(message("command_bulk_rests", outcome="aborted", **said)).lines == (
            "What was not touched is still parked.",
        )

    def test_a_fact_stays_on_its_line(self) -> None:
        words = worded(
            message("approval_decided", outcome="approved", reason="fine\r\nBcc: x@example.com\x1b[2J\u2028")
        )
        assert words.lines[-1] == "Reason: fine Bcc: x@example.com [2J"

    def test_a_long_fact_is_shortened(self) -> None:
        words = worded(message("votes_invalidated", cause="x" * 10_000))
        assert len(words.lines[0]) < FACT_CHARACTERS + 100

    def test_a_fact_is_no_template(self) -> None:
        assert "{{ 7 * 7 }}" in worded(message("approval_decided", outcome="{{ 7 * 7 }}")).lines[0]

    def test_html_in_a_fact_is_shown_and_not_obeyed(self) -> None:
        page = worded(message("votes_invalidated", cause="<script>alert(1)</script>", title='"><img src=x>')).html()
        assert "<script" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page

    def test_the_text_side_is_plain_to_read(self) -> None:
        assert worded(message("votes_invalidated", cause="R&D said so")).text() == (
            'The votes on "New rates" in prod no longer count: R&D said so.\n'
            "Look at the change again and vote anew.\n\n"
            "https://changegate.example.com/changes/7\n\n-- \nChangegate\n"
        )

    def test_both_sides_carry_the_link(self) -> None:
        words = worded(message("approval_expired"))
        assert all("https://changegate.example.com/changes/7" in side for side in (words.text(), words.html()))

    def test_every_template_that_can_be_named_is_there(self) -> None:
        there = {path.name for path in (files("adapters.notify") / "templates").iterdir()}
        assert {f"{name}.txt.j2" for name in FACTS} == there - {"layout.txt.j2", "layout.html.j2"}
