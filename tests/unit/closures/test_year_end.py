from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closures import Balance, ClosingLine, closing_lines, earnings_told, opening_balances, retained_earnings
from domain.closures.amounts import total
from domain.closures.controls import AccountKind
from tests.unit.closures.facts import balance

RETAINED, PASSING = "2970", AccountKind.PROFIT_AND_LOSS
BOOKS = (
    balance("1800", "150.00"),
    balance("4000", "-500.00", kind=PASSING),
    balance("6000", "350.00", kind=PASSING),
    balance("4000", "-7", "USD", PASSING),
    balance("6000", "7", "USD", PASSING),
)

books = st.lists(
    st.builds(
        Balance,
        st.sampled_from(["4000", "4100", "6000"]),
        st.just(PASSING),
        st.sampled_from(["EUR", "USD", "JPY"]),
        st.decimals(-(10**12), 10**12, places=2),
    ),
    max_size=12,
)


@pytest.mark.req("FP61")
class TestYearEnd:
    def test_earns_minus_the_sum_of_profit_and_loss(self) -> None:
        assert earnings_told(retained_earnings(BOOKS)) == {"EUR": "150"}

    def test_empties_each_account_against_retained_earnings(self) -> None:
        assert closing_lines(BOOKS, RETAINED) == (
            ClosingLine("4000", "EUR", Decimal("500.00")),
            ClosingLine("4000", "USD", Decimal(7)),
            ClosingLine("6000", "EUR", Decimal("-350.00")),
            ClosingLine("6000", "USD", Decimal(-7)),
            ClosingLine(RETAINED, "EUR", Decimal("-150.00")),
        )

    def test_opens_the_next_year_as_this_one_closed(self) -> None:
        assert opening_balances(BOOKS, closing_lines(BOOKS, RETAINED)) == {
            ("1800", "EUR"): Decimal("150.00"),
            (RETAINED, "EUR"): Decimal("-150.00"),
        }

    @given(books)
    def test_leaves_no_profit_or_loss_in_any_currency_and_balances(self, found: list[Balance]) -> None:
        lines = closing_lines(found, RETAINED)
        left = opening_balances(found, lines)
        assert {account for account, _ in left} <= {RETAINED}
        for currency in ("EUR", "USD", "JPY"):
            assert total(each.amount for each in lines if each.currency == currency) == 0

    @given(books)
    def test_does_nothing_the_second_time(self, found: list[Balance]) -> None:
        once = closing_lines(found, RETAINED)
        posted = [Balance(each.account, PASSING, each.currency, each.amount) for each in once]
        again = [*found, *(each for each in posted if each.account != RETAINED)]
        assert closing_lines(again, RETAINED) == ()
        assert retained_earnings(again) == {}
