from datetime import timedelta
from typing import Any

import pytest

from domain.closures import LaterPolicy, ReopenReason, parse_wish
from domain.errors import Invalid
from tests.unit.closures.tasks import NOON

JUSTIFICATION = "The freight invoice of March came on 3 April."


def wish(**given: Any) -> dict[str, Any]:
    until = (NOON + timedelta(days=2)).isoformat()
    return {"reason": "late-invoice", "justification": JUSTIFICATION, "reopen_until": until, **given}


def faults(raw: Any) -> set[str]:
    with pytest.raises(Invalid) as refused:
        parse_wish(raw, NOON)
    return {fault.path for fault in refused.value.faults}


class TestReopenWish:
    def test_is_isolated_and_of_all_scopes_where_nothing_else_is_said(self) -> None:
        found = parse_wish(wish(), NOON)
        assert (found.reason, found.scopes, found.most_entries) == (ReopenReason.LATE_INVOICE, (), None)
        assert (found.later, found.confirmed, found.ends) == (LaterPolicy.ISOLATE, False, NOON + timedelta(days=2))

    def test_is_read_back(self) -> None:
        whole = wish(scopes=["AP"], most_entries=3, later="cascade", confirm_cascade=True)
        found = parse_wish(whole, NOON)
        assert parse_wish(found.to_json(), NOON) == found

    @pytest.mark.req("FP65")
    def test_needs_a_reason_and_says_why_in_twenty_characters(self) -> None:
        assert faults({"reopen_until": wish()["reopen_until"]}) == {"/reason", "/justification"}
        assert faults(wish(reason="because")) == {"/reason"}
        assert faults(wish(justification="x" * 19 + " ")) == {"/justification"}
        assert parse_wish(wish(justification="x" * 20), NOON).justification == "x" * 20

    @pytest.mark.req("FP65")
    @pytest.mark.parametrize("reason", ReopenReason)
    def test_has_an_end_whatever_the_reason(self, reason: ReopenReason) -> None:
        assert faults({"reason": reason.value, "justification": JUSTIFICATION}) == {"/reopen_until"}

    @pytest.mark.req("FP65")
    def test_is_for_ninety_days_at_most(self) -> None:
        longest = NOON + timedelta(days=90)
        assert parse_wish(wish(reopen_until=longest.isoformat()), NOON).ends == longest
        assert faults(wish(reopen_until=(longest + timedelta(seconds=1)).isoformat())) == {"/reopen_until"}

    @pytest.mark.parametrize("until", [NOON.isoformat(), "2024-04-03T12:00:00", "tomorrow", 7])
    def test_ends_at_an_instant_that_is_to_come(self, until: object) -> None:
        assert faults(wish(reopen_until=until)) == {"/reopen_until"}

    def test_is_refused_with_everything_that_is_wrong(self) -> None:
        wrong = wish(scopes=["AP", "ap"], most_entries=0, later="pray", confirm_cascade="yes", colour="red")
        assert faults(wrong) == {"/scopes/1", "/most_entries", "/later", "/confirm_cascade", "/colour"}
        assert faults([]) == {""}
