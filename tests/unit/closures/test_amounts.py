from decimal import Decimal, Inexact
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closures import amount, summed, told, total
from domain.closures.controls import Control
from tests.unit.closures.facts import control, euros

exact = st.decimals(-(10**18), 10**18, allow_nan=False, places=6)


class TestAmounts:
    @given(exact)
    def test_are_read_back_as_they_are_told(self, given_: Decimal) -> None:
        assert amount(told(given_)) == given_

    @pytest.mark.parametrize(
        ("of", "text"),
        [("10.00", "10"), ("-0.00", "0"), ("0E-10", "0"), ("1E+3", "1000"), ("-0.10", "-0.1"), ("100", "100")],
    )
    def test_have_one_text(self, of: str, text: str) -> None:
        assert told(Decimal(of)) == text

    @pytest.mark.parametrize("raw", [0.1, True, None, "", "1e3", "NaN", "Infinity", "1,5", "+1", " 1", "1.", [], "٣"])
    def test_are_digits(self, raw: Any) -> None:
        with pytest.raises(ValueError, match="digits"):
            amount(raw)

    @given(st.lists(exact))
    def test_are_summed_in_any_order(self, given_: list[Decimal]) -> None:
        assert total(given_) == total(reversed(given_)) == total(sorted(given_))

    def test_are_never_rounded(self) -> None:
        assert told(total([Decimal("1e40"), Decimal("1e-40")])) == "1" + "0" * 40 + "." + "0" * 39 + "1"
        with pytest.raises(Inexact):
            total([Decimal("1e300"), Decimal("1e-300")])

    def test_are_summed_by_name(self) -> None:
        assert summed([("USD", Decimal(1)), ("EUR", Decimal(2)), ("USD", Decimal(-1))]) == {"EUR": 2, "USD": 0}


class TestControl:
    def test_is_read_back(self) -> None:
        whole = control("ledger", "GL", euros("1.50", "1.5"))
        assert Control.of_json(whole.to_json()) == whole

    def test_has_one_total_for_each_currency(self) -> None:
        with pytest.raises(ValueError, match="currency"):
            control("ledger", "GL", euros("1", "1"), euros("2", "2"))
