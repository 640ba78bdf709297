from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closures import (
    CHECKS,
    AccountKind,
    Balance,
    CheckHolds,
    CheckResult,
    Frozen,
    Mode,
    NotWaivable,
    Severity,
    SodViolation,
    SubledgersOpen,
    blockers,
    check_subledgers,
    kept_decisions,
    results_of,
    snapshot_of,
)
from domain.errors import Invalid
from domain.periods import Posting, Status
from tests.unit.closures.facts import AP, AR, GL, balance, control, draft, euros, frozen, gate
from tests.unit.closures.tasks import ADA, BOB, CYD, NOON, SEEN, reconciled, task

OFF = replace(SEEN, statement_balance=Decimal("100.50"))


def found(facts: Frozen, check: str) -> CheckResult:
    return next(each for each in results_of(facts) if each.check == check)


def suspense(*amounts: str) -> dict[str, tuple[Balance, ...]]:
    """What stands on account 1590 in each of the books."""
    return {each: (balance("1590", each, kind=AccountKind.SUSPENSE),) for each in amounts}


def failing(facts: Frozen) -> list[str]:
    return [each.check for each in blockers(results_of(facts))]


class TestChecks:
    def test_all_hold_where_nothing_is_in_the_way(self) -> None:
        assert failing(frozen()) == []
        assert [each.check for each in results_of(frozen())] == list(CHECKS)

    @pytest.mark.parametrize(
        ("check", "facts"),
        [
            ("unposted", {"unposted": {"payables": (draft(),)}}),
            ("untransferred", {"untransferred": {"payables": (draft(),)}}),
            ("subledgers-open", {"closing": ("GL",)}),
            ("trial-balance", {"controls": (control("ledger", "GL", euros("100.01", "100.00")),)}),
            ("chronology", {"earliest_open": {"GL": "2024-02"}}),
            ("tasks", {"tasks": (task(),)}),
            ("reconciliations", {"tasks": (reconciled(OFF),)}),
            ("suspense", {"balances": suspense("0.01")}),
            ("exclusions", {"exclusions": ("payroll",)}),
        ],
    )
    def test_each_fails_alone(self, check: str, facts: dict[str, Any]) -> None:
        assert failing(frozen(**facts)) == [check]

    def test_say_what_is_in_the_way(self) -> None:
        facts = frozen(unposted={"payables": (draft(), draft("d-2")), "ledger": ()})
        assert found(facts, "unposted").measured == {
            "payables": {
                "count": 2,
                "entries": [
                    {"id": "d-1", "date": "2024-03-29", "description": "Rent of March"},
                    {"id": "d-2", "date": "2024-03-29", "description": "Rent of March"},
                ],
            }
        }

    def test_add_up_a_suspense_account_over_all_books(self) -> None:
        assert found(frozen(balances=suspense("7", "-7")), "suspense").ok
        assert found(frozen(balances=suspense("7", "-6")), "suspense").measured == [
            {"account": "1590", "currency": "EUR", "balance": "1"}
        ]

    def test_ask_for_order_only_of_what_is_closed(self) -> None:
        assert failing(frozen(closing=("AP",), earliest_open={"GL": "2024-02"})) == []


class TestTrialBalance:
    @pytest.mark.req("FP48")
    def test_is_exact_to_the_last_digit(self) -> None:
        off = frozen(controls=(control("ledger", "GL", euros("100.01", "100.00")),))
        assert found(off, "trial-balance").measured == {"ledger": {"EUR": "0.01"}}
        assert not found(off, "trial-balance").ok
        even = frozen(controls=(control("ledger", "GL", euros("100.000", "100.0")),))
        assert found(even, "trial-balance").ok

    @pytest.mark.req("FP48")
    def test_has_no_binary_fractions(self) -> None:
        thirds = euros("0.1", "0.3")
        three = replace(thirds, debit=thirds.debit + Decimal("0.2"))
        assert found(frozen(controls=(control("ledger", "GL", three),)), "trial-balance").ok

    def test_is_kept_in_every_currency(self) -> None:
        dollars = replace(euros("5", "7"), currency="USD")
        facts = frozen(controls=(control("ledger", "GL", euros("9", "9"), dollars),))
        assert found(facts, "trial-balance").measured == {"ledger": {"USD": "-2"}}

    def test_is_asked_of_general_ledgers_only(self) -> None:
        one_sided = control("payables", "AP", euros("0", "250"))
        assert failing(frozen(controls=(one_sided,))) == []
        ledger = control("ledger", "GL", euros("1", "0"))
        assert failing(frozen(controls=(ledger,), closing=("AP",))) == []

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(1, 10**40))
    def test_never_loses_a_small_difference_in_a_large_amount(self, small: Decimal, large: int) -> None:
        big = Decimal(large)
        total = replace(euros("0", "0"), debit=big, credit=big)
        assert total.difference == 0
        off = replace(total, debit=Decimal(f"{large}.0001"))
        assert off.difference == Decimal("0.0001")
        assert replace(total, debit=small, credit=small).difference == 0


class TestSubledgers:
    def open_receivables(self, posting: Posting, mode: Mode) -> Frozen:
        return frozen(closing=("AP", "GL"), gates=(gate("AP"), gate("GL"), gate("AR", posting=posting)), mode=mode)

    def test_close_before_the_general_ledger(self) -> None:
        facts = self.open_receivables(Posting.ADJUST_ONLY, Mode.HARD)
        assert found(facts, "subledgers-open").measured == ["AR"]
        with pytest.raises(SubledgersOpen) as refused:
            check_subledgers((GL, AP, AR), ("GL",), (gate("AR"), gate("AP", Status.CLOSED, Posting.NONE)))
        assert refused.value.facts == {"open": ["AR"]}

    def test_need_no_more_than_to_be_soft_closed_for_a_soft_close(self) -> None:
        assert failing(self.open_receivables(Posting.ADJUST_ONLY, Mode.SOFT)) == []
        assert failing(self.open_receivables(Posting.ALL, Mode.SOFT)) == ["subledgers-open"]

    def test_may_be_closed_or_never_opened(self) -> None:
        closed = (gate("GL"), gate("AP", Status.CLOSED, Posting.NONE))
        assert failing(frozen(closing=("GL",), gates=closed)) == []

    def test_close_while_the_ledger_stays_open(self) -> None:
        assert failing(frozen(closing=("AP",))) == []


class TestReconciliations:
    def test_are_certified_without_a_difference(self) -> None:
        assert found(frozen(tasks=(reconciled(OFF),)), "reconciliations").measured == [
            {"task": "bank", "state": "done", "basis": "sha256:one", "difference": "0.5", "certified": False}
        ]
        assert found(frozen(), "reconciliations").ok

    def test_are_certified_no_more_when_the_balance_moved(self) -> None:
        assert failing(frozen(tasks=(reconciled().suspend("sha256:two", NOON),))) == ["tasks", "reconciliations"]

    def test_are_not_what_other_tasks_are(self) -> None:
        done = task("report").complete(ADA, NOON, SEEN).approve(BOB, NOON, SEEN)
        assert found(frozen(tasks=(done,)), "reconciliations").measured == []


class TestTasks:
    def test_that_are_waived_are_told_to_whoever_approves(self) -> None:
        waived = task("count").waive(CYD, NOON, "no stock there", ADA)
        assert found(frozen(tasks=(waived, task())), "tasks").measured == {
            "open": ["bank"],
            "waived": [{"task": "count", "by": str(CYD), "why": "no stock there"}],
        }
        assert failing(frozen(tasks=(waived,))) == []


class TestWaivers:
    error = CheckResult("suspense", Severity.ERROR, ok=False, measured=[])
    critical = CheckResult("trial-balance", Severity.CRITICAL, ok=False, measured={})
    warning = CheckResult("exclusions", Severity.WARNING, ok=False, measured=["payroll"])

    def test_are_given_by_somebody_else_with_a_reason(self) -> None:
        waived = self.error.waived(CYD, " cleared in April ", {ADA, BOB})
        assert (waived.waived_by, waived.waiver_reason, waived.blocks) == (CYD, "cleared in April", False)
        with pytest.raises(SodViolation):
            self.error.waived(ADA, "cleared in April", {ADA, BOB})

    @pytest.mark.req("FP60")
    def test_need_a_reason(self) -> None:
        with pytest.raises(Invalid) as refused:
            self.error.waived(CYD, "", {ADA})
        assert [fault.path for fault in refused.value.faults] == ["/reason"]

    def test_are_not_for_what_is_critical(self) -> None:
        with pytest.raises(NotWaivable):
            self.critical.waived(CYD, "it is only a cent", {ADA})

    def test_are_not_for_what_holds(self) -> None:
        with pytest.raises(CheckHolds):
            replace(self.error, ok=True).waived(CYD, "to be safe", {ADA})
        with pytest.raises(CheckHolds):
            replace(self.warning, ok=True).acknowledged(ADA)

    def test_of_a_warning_is_to_have_seen_it(self) -> None:
        assert self.warning.blocks
        assert not self.warning.acknowledged(ADA).blocks
        with pytest.raises(NotWaivable):
            self.error.acknowledged(ADA)

    def test_stay_while_the_same_is_found(self) -> None:
        waived = self.error.waived(CYD, "cleared in April", {ADA})
        assert kept_decisions([waived], [self.error]) == [waived]
        grown = replace(self.error, measured=[{"account": "1590", "currency": "EUR", "balance": "7"}])
        assert kept_decisions([waived], [grown]) == [grown]

    def test_are_read_back(self) -> None:
        waived = self.error.waived(CYD, "cleared in April", {ADA})
        assert CheckResult.of_json(waived.to_json()) == waived


@pytest.mark.req("FP57")
class TestSnapshot:
    def of(self, **given: Any) -> str:
        facts = frozen(**given)
        return snapshot_of(facts, results_of(facts))

    def test_is_the_same_for_the_same_books(self) -> None:
        turned = frozen()
        assert self.of() == self.of(controls=tuple(reversed(turned.controls)), gates=tuple(reversed(turned.gates)))

    @pytest.mark.parametrize(
        "moved",
        [
            {"controls": (control(entries=13), control("payables", "AP"))},
            {"controls": (control(digest="cd" * 32), control("payables", "AP"))},
            {"gates": (gate("AP"), gate("AR"), gate("GL", epoch=5))},
            {"unposted": {"payables": (draft(),)}},
            {"tasks": (reconciled().suspend("sha256:two", NOON),)},
            {"exclusions": ("payroll",)},
        ],
        ids=["posted", "altered", "moved gate", "drafted", "suspended", "excluded"],
    )
    def test_is_another_when_anything_moved(self, moved: dict[str, Any]) -> None:
        assert self.of(**moved) != self.of()

    def test_does_not_look_at_other_scopes(self) -> None:
        gates = (gate("AP"), gate("AR", epoch=9), gate("GL"))
        assert self.of(closing=("AP",), gates=gates) == self.of(closing=("AP",))
