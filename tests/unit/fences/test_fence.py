from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closures.controls import Total
from domain.errors import Invalid
from domain.fences import (
    MOST_ATTEMPTS,
    Acknowledgement,
    EpochUnknown,
    Fence,
    FencedPeriod,
    FenceSettled,
    FenceState,
    RemoteModule,
    check_epoch,
    check_module,
    serving,
    shut_out,
)
from domain.periods import GateKey, PeriodGate, Posting, StaleEpoch, Status

AT = datetime(2025, 4, 2, 9, tzinfo=UTC)
MARCH = FencedPeriod(UUID(int=3), "2025-03", "March 2025", date(2025, 3, 1), date(2025, 3, 31))
KEY = GateKey("acme-de", MARCH.id, "AP")
EVE = UUID(int=7)
SAID = Acknowledgement(6, "INV-417", 12, (Total("EUR", Decimal("10.00"), Decimal("10.00")),))


def fence(epoch: int = 6, state: FenceState = FenceState.ASKED) -> Fence:
    gate = PeriodGate(KEY, Status.OPEN, Posting.ADJUST_ONLY, epoch, None, AT, "because")
    return Fence(uuid4(), "AP", gate, MARCH, UUID(int=1), AT, state=state)


class TestAcknowledgement:
    def test_of_this_epoch_settles_it(self) -> None:
        settled = fence().acknowledged(SAID, EVE, AT)
        assert (settled.state, settled.acknowledgement, settled.settled_by) == (FenceState.ACKNOWLEDGED, SAID, EVE)
        assert not settled.outstanding

    def test_that_is_overdue_settles_it_still(self) -> None:
        assert fence(state=FenceState.OVERDUE).acknowledged(SAID, EVE, AT).state is FenceState.ACKNOWLEDGED

    @pytest.mark.req("FP55")
    def test_of_an_older_epoch_changes_nothing(self) -> None:
        known = fence()
        assert known.acknowledged(replace(SAID, epoch=5), EVE, AT) is known

    @pytest.mark.req("FP55")
    @pytest.mark.parametrize("state", [FenceState.ACKNOWLEDGED, FenceState.EXCLUDED, FenceState.SUPERSEDED])
    def test_said_again_changes_nothing(self, state: FenceState) -> None:
        known = fence(state=state)
        assert known.acknowledged(replace(SAID, entries=99), EVE, AT) is known

    def test_of_an_epoch_that_never_was_is_refused(self) -> None:
        with pytest.raises(EpochUnknown) as refused:
            fence().acknowledged(replace(SAID, epoch=7), EVE, AT)
        assert refused.value.facts == {"epoch": 6, "given": 7}

    def test_counts_each_currency_once(self) -> None:
        with pytest.raises(Invalid) as refused:
            Acknowledgement(6, None, 0, (*SAID.totals, *SAID.totals))
        assert [each.path for each in refused.value.faults] == ["/totals"]

    def test_is_what_a_certificate_says_of_the_module(self) -> None:
        assert fence().control is None
        control = fence().acknowledged(SAID, EVE, AT).control
        assert control is not None
        assert (control.module, control.scope, control.entries, control.high_water) == ("AP", "AP", 12, "INV-417")

    def test_is_the_same_after_a_trip_through_json(self) -> None:
        assert Acknowledgement.of_json(SAID.to_json()) == SAID


class TestSilence:
    @pytest.mark.req("FP54")
    def test_is_told_three_times_and_then_overdue(self) -> None:
        known = fence()
        for attempt in range(2, MOST_ATTEMPTS + 1):
            known = known.reminded(attempt)
            assert (known.state, known.attempts) == (FenceState.ASKED, attempt)
        assert known.reminded(MOST_ATTEMPTS + 1).state is FenceState.OVERDUE

    def test_is_told_once_for_each_attempt(self) -> None:
        known = fence().reminded(2)
        assert known.reminded(2) is known

    @pytest.mark.parametrize("state", sorted(set(FenceState) - {FenceState.ASKED}))
    def test_ends_with_its_fence(self, state: FenceState) -> None:
        known = fence(state=state)
        assert known.reminded(3) is known


class TestPerson:
    @pytest.mark.req("FP54")
    def test_has_it_told_as_if_for_the_first_time(self) -> None:
        again = replace(fence(state=FenceState.OVERDUE), attempts=3).retried("the line was down")
        assert (again.state, again.attempts, again.reason) == (FenceState.ASKED, 1, "the line was down")

    @pytest.mark.req("FP54")
    def test_goes_on_without_it(self) -> None:
        settled = fence(state=FenceState.OVERDUE).excluded(EVE, AT, "being replaced")
        assert (settled.state, settled.settled_by, settled.reason) == (FenceState.EXCLUDED, EVE, "being replaced")

    @pytest.mark.parametrize("state", [FenceState.ACKNOWLEDGED, FenceState.EXCLUDED, FenceState.SUPERSEDED])
    def test_does_neither_once_it_is_settled(self, state: FenceState) -> None:
        with pytest.raises(FenceSettled):
            fence(state=state).retried("because")
        with pytest.raises(FenceSettled):
            fence(state=state).excluded(EVE, AT, "because")


class TestNewer:
    @pytest.mark.parametrize("state", [FenceState.ASKED, FenceState.OVERDUE])
    def test_supersedes_what_nobody_answered(self, state: FenceState) -> None:
        assert fence(state=state).superseded(AT).state is FenceState.SUPERSEDED

    @pytest.mark.parametrize("state", [FenceState.ACKNOWLEDGED, FenceState.EXCLUDED])
    def test_leaves_what_was_said(self, state: FenceState) -> None:
        known = fence(state=state)
        assert known.superseded(AT) is known


class TestEpochs:
    @pytest.mark.req("FP54")
    def test_of_before_an_exclusion_are_stale(self) -> None:
        with pytest.raises(StaleEpoch):
            check_epoch(7, 5, [fence(6, FenceState.EXCLUDED), fence(7, FenceState.SUPERSEDED)])

    @pytest.mark.req("FP54")
    def test_of_now_are_good_of_an_excluded_module_too(self) -> None:
        check_epoch(6, 6, [fence(6, FenceState.EXCLUDED)])

    def test_of_before_are_good_where_the_module_spoke_since(self) -> None:
        check_epoch(8, 5, [fence(6, FenceState.EXCLUDED), fence(8, FenceState.ACKNOWLEDGED)])
        check_epoch(6, 5, [fence(6, FenceState.ASKED)])

    def test_that_never_were_are_refused(self) -> None:
        with pytest.raises(EpochUnknown):
            check_epoch(6, 7, [])

    @given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(FenceState)), unique_by=lambda each: each[0]))
    def test_are_shut_out_by_the_last_word_alone(self, found: list[tuple[int, FenceState]]) -> None:
        words = [state for _, state in sorted(found) if state in {FenceState.EXCLUDED, FenceState.ACKNOWLEDGED}]
        fences = [fence(epoch, state) for epoch, state in found]
        assert shut_out(fences) == (words[-1:] == [FenceState.EXCLUDED])


class TestModule:
    def test_serves_its_scope_and_its_entities_while_in_service(self) -> None:
        every = RemoteModule("AP", "Payables", "AP", EVE)
        one = RemoteModule("AP-DE", "Payables of Germany", "AP", EVE, frozenset({"acme-de"}))
        other = RemoteModule("AP-US", "Payables of the States", "AP", EVE, frozenset({"acme-us"}))
        out = RemoteModule("AP-OLD", "The old one", "AP", EVE, in_service=False)
        stock = RemoteModule("INV", "Stock", "INV", EVE)
        assert serving([stock, out, other, one, every], "acme-de", "AP") == [every, one]

    @pytest.mark.parametrize("code", ["", "ap", "1AP", "A" * 41, "AP EU"])
    def test_is_called_as_modules_are(self, code: str) -> None:
        with pytest.raises(Invalid):
            check_module(RemoteModule(code, "Payables", "AP", EVE))

    def test_names_at_most_a_hundred_entities(self) -> None:
        many = frozenset(str(number) for number in range(101))
        with pytest.raises(Invalid) as refused:
            check_module(RemoteModule("AP", "Payables", "AP", EVE, many))
        assert [each.path for each in refused.value.faults] == ["/entities"]
