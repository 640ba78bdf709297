import pytest

from domain.closures import FINANCIAL, FinancialChangeHeld, check_release
from domain.periods import Posting, Status
from tests.unit.closures.facts import gate


class TestFinancialChanges:
    def test_wait_while_a_period_is_soft_closed(self) -> None:
        with pytest.raises(FinancialChangeHeld) as refused:
            check_release(["urgent", FINANCIAL], [gate("GL"), gate("AP", posting=Posting.ALL)], by_close=False)
        assert refused.value.facts == {"scopes": ["GL"]}

    def test_are_released_by_the_close(self) -> None:
        check_release([FINANCIAL], [gate("GL")], by_close=True)

    def test_do_not_wait_where_everything_may_be_posted(self) -> None:
        check_release([FINANCIAL], [gate("GL", posting=Posting.ALL)], by_close=False)
        check_release([FINANCIAL], [gate("GL", Status.CLOSED, Posting.NONE)], by_close=False)

    def test_are_the_only_ones_that_wait(self) -> None:
        check_release(["urgent"], [gate("GL")], by_close=False)
