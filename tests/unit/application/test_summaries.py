from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from application.briefing import Brief
from application.summaries import LONGEST_VALUE, MOST_LINES, about, rendered

BRIEF = Brief(
    title="setting limit",
    environment="production",
    reason="because",
    ticket=None,
    authors=("ada",),
    changes=({"op": "changed", "path": "/limit", "before": 1, "after": 2},),
    lines=1,
    moved=False,
    reach={"scopes": 1, "leaves": 40, "tenant_wide": False, "sensitivities": ["confidential"], "financial": True},
    impact=None,
    instances=3,
    strategy="canary",
    steps="to 10 %, 100 %",
    gates={"error_rate": {"increase": 0.05, "max_tolerable_ratio": 2.0}, "latency": None},
    sees_from=1.4,
    accepted_blind=True,
    overlaps=("a", "b"),
    confounded_with=("c",),
    way_back="It writes what was there before as a new version.",
)


def lines(brief: Brief, title: str) -> tuple[str, ...]:
    return next((section.lines for section in rendered(brief) if section.title == title), ())


def changed(**line: Any) -> str:
    return lines(replace(BRIEF, changes=({"path": "/x", **line},)), "What changes")[0]


class TestSummary:
    def test_says_each_change_in_a_line(self) -> None:
        assert lines(BRIEF, "What changes") == ("~ /limit: 1 -> 2",)
        assert changed(op="added", after="on") == '+ /x: "on"'
        assert changed(op="removed", before=1) == "- /x (was 1)"
        assert changed(op="removed") == "- /x"

    def test_shows_of_a_secret_its_fingerprint(self) -> None:
        sealed = {"$sealed": "hidden-text", "fingerprint": "abcd", "at": 1}
        assert "hidden-text" not in changed(op="added", after=sealed)

    def test_cuts_what_is_long_and_counts_the_rest(self) -> None:
        assert changed(op="added", after="y" * 500).endswith(f"({500 + 2 - LONGEST_VALUE} more characters)")
        many = tuple({"op": "added", "path": f"/{number}", "after": 1} for number in range(30))
        said = lines(replace(BRIEF, changes=many, lines=31), "What changes")
        assert (len(said), said[-1]) == (MOST_LINES + 1, f"… and {31 - MOST_LINES} more lines")

    def test_warns_when_the_base_has_moved(self) -> None:
        assert "since" in lines(replace(BRIEF, moved=True), "What changes")[-1]

    def test_says_how_far_it_reaches_and_who_else_is_there(self) -> None:
        assert lines(BRIEF, "How far it reaches") == (
            "Written at 1 scope; another value holds at 40 places then.",
            "Sensitivity: confidential, financial.",
            "Followed now by 3 instances.",
            "The same targets are held or wanted by 2 other rollouts.",
            "The same metrics judge 1 other rollout at the same time.",
        )

    def test_says_what_its_gates_cannot_see(self) -> None:
        assert lines(BRIEF, "How it is judged")[-1] == (
            "With the traffic of now it sees errors that grow 1.4 times or more, which somebody accepted."
        )

    def test_leaves_out_what_there_is_nothing_to_say_of(self) -> None:
        bare = replace(BRIEF, reach=None, instances=0, overlaps=(), confounded_with=(), gates=None, sees_from=None)
        assert [section.title for section in rendered(bare)] == [
            "What changes",
            "How it goes out",
            "How it is taken back",
        ]


class TestAbout:
    @pytest.mark.parametrize("room", ["approvals", "changes", "rollouts"])
    def test_links_of_one_change_have_its_id(self, room: str) -> None:
        assert about(f"/{room}/{UUID(int=7)}") == UUID(int=7)

    @pytest.mark.parametrize("link", ["", "/webhooks/" + str(UUID(int=7)), "/reviews"])
    def test_other_links_are_about_no_change(self, link: str) -> None:
        assert about(link) is None
