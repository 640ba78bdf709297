"""Whatever a name holds, it stays in the part of the address or pointer in which it stands."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.metrics.answers import Unanswered
from adapters.metrics.buckets import grid, rolled
from adapters.metrics.pointed import Place, at_steps, place

BASE = "https://metrics.example.com/v1"
TEMPLATE = "/of/$flag/counters?v=$variant&of=all#/arms/$variant/requests"
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name.encode("utf-8", "ignore").decode() == name)


class TestPlace:
    @given(NAMES, NAMES)
    def test_a_name_is_only_ever_a_value(self, flag: str, variant: str) -> None:
        where = _placed(flag, variant)
        if where is None:
            assert flag in {".", ".."} or "/" in flag
            return
        address = urlsplit(f"{BASE}{where.address}?{where.asked}")
        assert (address.scheme, address.netloc, address.fragment) == ("https", "metrics.example.com", "")
        assert [unquote(each) for each in address.path.split("/")] == ["", "v1", "of", flag, "counters"]
        assert parse_qsl(address.query, keep_blank_values=True) == [("v", variant), ("of", "all")]
        assert at_steps({"arms": {variant: {"requests": 7}}}, where.steps) == 7

    @pytest.mark.parametrize("flag", [".", "..", "a/../b"])
    def test_nobody_climbs(self, flag: str) -> None:
        assert _placed(flag, "on") is None

    def test_what_was_asked_can_be_read_again(self) -> None:
        where = place(TEMPLATE, {"flag": "a", "variant": "x/y~z"})
        assert where.words == "/of/a/counters?v=x%2Fy~z&of=all#/arms/x~1y~0z/requests"
        assert place(where.words, {}) == where


class TestGrid:
    @given(st.floats(0, 4e9), st.sampled_from([60, 3600]))
    def test_an_instant_lies_in_one_bucket(self, instant: float, width: int) -> None:
        assert grid(instant, width) % width == 0
        assert grid(instant, width) <= instant < grid(instant, width) + width

    def test_zeros_are_put_around_the_buckets(self) -> None:
        count = "sum:a{b:c}.as_count()"
        assert rolled(count, 60) == "sum:a{b:c}.as_count().rollup(sum, 60)"
        assert rolled(f"default_zero({count})", 60) == "default_zero(sum:a{b:c}.as_count().rollup(sum, 60))"


def _placed(flag: str, variant: str) -> Place | None:
    try:
        return place(TEMPLATE, {"flag": flag, "variant": variant})
    except Unanswered:
        return None
